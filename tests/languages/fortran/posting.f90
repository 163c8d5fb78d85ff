! `posting STEPS WITH WORK`: a model's loop with a meter posted at each step (WITH 1) or without (0);
! a step takes a few nanoseconds for each unit of WORK. Three events on the way, and the end of the
! job. Tells when it is a third and two thirds done, and how many seconds the loop took.
program posting
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use ecf_failover
  implicit none
  type(ecf_client) :: ecf
  character(len=16) :: word
  integer :: step, steps, with, work
  integer(int64) :: begin, now, rate
  real(real64) :: state

  call get_command_argument(1, word)
  read (word, *) steps
  call get_command_argument(2, word)
  read (word, *) with
  call get_command_argument(3, word)
  read (word, *) work
  state = 0.5_real64
  call ecf%open(verbose=.true.)
  call system_clock(begin, rate)
  do step = 1, steps
    call integrate()
    if (with == 1) then
      call ecf%post_meter('m', nint(100.0*step/steps))
      if (step == steps/10) call ecf%post_event('e')
      if (step == steps/2) call ecf%post_event('e', 'clear')
      if (step == steps - steps/10) call ecf%post_event('e', 'set')
    end if
    if (step == steps/3 .or. step == 2*(steps/3)) then
      print '(a)', 'third'
      flush (6)
    end if
  end do
  call system_clock(now)
  print '(f0.4)', real(now - begin, real64)/real(rate, real64)
  flush (6)
  if (with == 1) call ecf%complete()
  call ecf%close()
  if (state < 0) print '(a)', 'never'

contains

  subroutine integrate()
    integer :: i
    do i = 1, work
      state = 3.7_real64*state*(1 - state)
    end do
  end subroutine integrate
end program posting
