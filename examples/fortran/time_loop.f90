! A model's time loop: rank 0 tells ecFlow how far it is.
!
! With MPI, rank is what MPI_Comm_rank gives; the other ranks call nothing here.
program time_loop
  use ecf_failover
  implicit none
  integer, parameter :: steps = 10, rank = 0
  type(ecf_client) :: ecf
  integer :: step

  if (rank == 0) then
    call ecf%open(verbose=.true.)
    ! What is older than ten minutes is given up: then the server is told where the model is now.
    call ecf%set('ECF_FAILOVER_PROGRESS_TIMEOUT', '600')
  end if
  do step = 1, steps
    call integrate()
    if (rank == 0) then
      ! Queued in microseconds, delivered meanwhile: the model never waits for a server.
      call ecf%post_meter('step', step)
      call ecf%post_label('info', 'integrating')
    end if
  end do
  if (rank == 0) then
    ! What is not delivered by now has half a minute; afterwards it would be lost.
    call ecf%flush(30)
    call ecf%close()
  end if

contains

  subroutine integrate()
    ! The model.
  end subroutine integrate
end program time_loop
