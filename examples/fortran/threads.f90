! Four threads of OpenMP, each with a client of its own: a client belongs to one thread at a time.
program threads
  use ecf_failover
  use omp_lib, only: omp_get_thread_num
  implicit none
  integer :: failed
  failed = 0
  !$omp parallel num_threads(4) reduction(+:failed)
  call work(failed)
  !$omp end parallel
  print '(a, i0)', 'failed ', failed
contains

  subroutine work(failures)
    integer, intent(inout) :: failures
    type(ecf_client) :: ecf
    integer :: step, stat
    call ecf%open()
    do step = 1, 25
      call ecf%meter('m', 25*omp_get_thread_num() + step, stat)
      if (stat /= ecf_ok) failures = failures + 1
    end do
    call ecf%close()
  end subroutine work
end program threads
