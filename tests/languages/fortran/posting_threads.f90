! Four threads of OpenMP post to one client; what one of them says wrong is its own failure. Tells how
! many posts failed, how many are pending after a flush, and what the client keeps of it: nothing.
program posting_threads
  use ecf_failover
  use omp_lib, only: omp_get_thread_num
  implicit none
  type(ecf_client) :: ecf
  integer :: failed, step, stat
  character(len=200) :: errmsg
  failed = 0
  call ecf%open()
  !$omp parallel num_threads(4) default(shared) private(step, stat, errmsg) reduction(+:failed)
  do step = 1, 500
    call ecf%post_meter('m', mod(step, 100), stat, errmsg)
    if (stat /= ecf_ok) failed = failed + 1
    if (omp_get_thread_num() == 3 .and. mod(step, 50) == 0) then
      errmsg = ''
      call ecf%post_meter('', step, stat, errmsg)
      if (stat == ecf_err_argument .and. index(errmsg, 'ECF_ERR_ARGUMENT: ') == 1) failed = failed + 1
    end if
  end do
  !$omp end parallel
  call ecf%post_meter('m', 100)
  call ecf%flush(30)
  print '(a, i0, a, i0, a, i0)', 'failed ', failed, ' pending ', ecf%pending(), ' kept ', ecf%status()
  call ecf%close()
end program posting_threads
