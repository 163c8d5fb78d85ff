! A model on many ranks: rank 0 tells ecFlow how far they are.
program time_loop_mpi
  use mpi
  use ecf_failover
  implicit none
  integer, parameter :: steps = 10
  type(ecf_client) :: ecf
  integer :: rank, step, ierror

  call MPI_Init(ierror)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierror)
  if (rank == 0) then
    call ecf%open(verbose=.true.)
  end if
  do step = 1, steps
    ! The model integrates, and its ranks meet.
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
    if (rank == 0) call ecf%post_meter('step', step)
  end do
  if (rank == 0) then
    ! It comes after what was posted.
    call ecf%label('info', 'all ranks are done')
    call ecf%close()
  end if
  call MPI_Finalize(ierror)
end program time_loop_mpi
