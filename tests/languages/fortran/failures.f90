! Every class of failure, with stat and without: nothing stops the program. Its argument is a
! port that refuses.
program failures
  use ecf_failover
  implicit none
  integer :: calls
  call run()
contains

  !> Tells what the last call gave by stat, by errmsg and on the handle.
  subroutine show(what, ecf, stat, message)
    character(len=*), intent(in) :: what, message
    type(ecf_client), intent(in) :: ecf
    integer, intent(in) :: stat
    print '(6a)', what, ': ', ecf_status_name(stat), ' ', ecf_status_name(ecf%status()), &
      ' '//trim(message)
  end subroutine show

  function refuse(attempt) result(outcome)
    type(ecf_attempt), intent(in) :: attempt
    integer :: outcome
    calls = calls + 1
    call attempt%note('attempt at '//attempt%host())
    outcome = ecf_outcome_not_sent
    if (attempt%number() == 2) outcome = ecf_outcome_rejected
    if (attempt%port() == 0 .or. attempt%timeout_ms() <= 0 .or. attempt%cancelled()) stop 5
  end function refuse

  function confirm(attempt) result(outcome)
    type(ecf_attempt), intent(in) :: attempt
    integer :: outcome
    outcome = ecf_outcome_unconfirmed
    if (attempt%number() == 3) outcome = ecf_outcome_ok
  end function confirm

  function give_up(attempt) result(outcome)
    type(ecf_attempt), intent(in) :: attempt
    integer :: outcome
    outcome = ecf_outcome_fatal
    if (attempt%number() /= 1) stop 6
  end function give_up

  subroutine run()
    type(ecf_client) :: ecf, copy
    type(ecf_reply) :: reply, kept
    character(len=400) :: message
    character(len=12) :: short
    character(len=:), allocatable :: text
    integer :: stat

    call ecf%meter('m', 1, stat, message)
    call show('not open', ecf, stat, message)
    call ecf%meter('m', 1)
    call ecf%open()
    call ecf%set('ECF_NONSENSE', '1', stat, message)
    call show('unknown key', ecf, stat, message)
    call ecf%set('ECF_PASWORD', 'sesame', stat, message)
    if (index(message, 'ECF_PASWORD') == 0 .or. index(message, 'sesame') /= 0) stop 14
    call ecf%set('ECF_TIMEOUT', 'soon', stat, message)
    if (index(message, 'ECF_TIMEOUT="soon": not a duration') == 0) stop 15
    call ecf%get('ECF_PASS', text, stat, message)
    call show('secret key', ecf, stat, message)
    call ecf%set('ECF_TIMEOUT', 'soon')
    call ecf%set('ECF_TIMEOUT', '0.3')
    call ecf%get('ECF_TIMEOUT', text)
    if (text /= '0.3') stop 7
    call ecf%set('ECF_FAILOVER_RETRY_PERIOD', '0.02')
    call ecf%set('ECF_FAILOVER_HOST_PERIOD', '0.02')
    call ecf%meter('m', 1, stat, message)
    call show('refused', ecf, stat, message)
    call ecf%meter('m', 1)
    short = ''
    call ecf%label('l', 'x', stat, short)
    call show('short message', ecf, stat, short)
    call ecf%task(['--nonsense'], reply, stat, message)
    call show('bad word', ecf, stat, message)
    call ecf%user(['--ping'], reply, stat, message)
    call show('user command', ecf, stat, message)
    if (reply%attempts() /= 2 .or. reply%status() /= stat .or. reply%host() /= '') stop 8
    kept = reply
    if (kept%report() /= reply%report() .or. index(kept%report(), '"ping"') == 0) stop 9
    call ecf%cancel()
    call ecf%event('e', stat, message)
    call show('cancelled', ecf, stat, message)
    call ecf%resume()
    calls = 0
    call ecf%delegate(ecf_kind_task, refuse, reply=reply, stat=stat, errmsg=message)
    call show('delegated', ecf, stat, message)
    if (calls /= 2) stop 10
    call ecf%delegate(ecf_kind_task, confirm, ['ECF_TIMEOUT', '7          '], reply, stat)
    if (stat /= ecf_ok .or. reply%attempts() /= 3) stop 11
    call ecf%delegate(ecf_kind_task, give_up, stat=stat, errmsg=message)
    call show('given up', ecf, stat, message)
    copy = ecf
    if (copy%is_open() .or. .not. ecf%is_open()) stop 12
    call copy%complete(stat, message)
    call show('a copy', copy, stat, message)
    ecf = ecf
    if (.not. ecf%is_open()) stop 13
    call ecf%close()
    call ecf%close()
    call copy%close()
    call ecf%complete()
    print '(a)', 'the model went on'
  end subroutine run
end program failures
