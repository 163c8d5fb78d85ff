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
    ! A dead server must not hold the model: half a minute for each meter and label, no more.
    call ecf%set('ECF_FAILOVER_PROGRESS_TIMEOUT', '30')
  end if
  do step = 1, steps
    call integrate()
    if (rank == 0) then
      call ecf%meter('step', step)
      call ecf%label('info', 'integrating')
    end if
  end do
  if (rank == 0) call ecf%close()

contains

  subroutine integrate()
    ! The model.
  end subroutine integrate
end program time_loop
