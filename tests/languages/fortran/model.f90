! A job from its start to its end. Half-way it waits for a line of standard input.
program model
  use ecf_failover
  implicit none
  call run()
contains

  subroutine must(stat, message)
    integer, intent(in) :: stat
    character(len=*), intent(in) :: message
    if (stat == ecf_ok) return
    print '(a, i0, 2a)', 'stat ', stat, ' ', trim(message)
    stop 1
  end subroutine must

  subroutine run()
    type(ecf_client) :: ecf
    type(ecf_reply) :: reply
    character(len=:), allocatable :: step, long
    character(len=300) :: message
    character(len=1) :: answer
    integer :: stat, meter, letter

    message = 'untouched'
    call ecf%open(stat=stat, errmsg=message)
    call must(stat, message)
    call ecf%init('4711', stat, message)
    call must(stat, message)
    do meter = 1, 100
      call ecf%meter('m', meter, stat, message)
      call must(stat, message)
      if (meter == 50) then
        print '(a)', 'half'
        flush (6)
        read (*, '(a)') answer
      end if
    end do
    call ecf%event('e', stat, message)
    call must(stat, message)
    call ecf%event('e', 'clear', stat, message)
    call must(stat, message)
    call ecf%event('e')
    call ecf%label('l', '  two words, "quotes" and '//char(233)//' of Latin-1 ', stat, message)
    call must(stat, message)
    call ecf%wait('/s/f/t:m == 100', stat, message)
    call must(stat, message)
    call ecf%queue('q', 'active', answer=step, stat=stat, errmsg=message)
    call must(stat, message)
    call ecf%queue('q', 'complete', step)
    long = repeat('x', 9999)//'!'
    do letter = 1, 5000
      long(letter:letter) = 'y'
    end do
    call ecf%user([character(len=10050) :: '--alter', 'change', 'variable', 'LONG', long, '/s/f/t'], &
      reply, stat, message)
    call must(stat, message)
    call ecf%user([character(len=32) :: '--query', 'variable', '/s/f/t:LONG'], reply, stat)
    call must(stat, message)
    if (reply%text() /= long//new_line('a')) stop 2
    if (message /= 'untouched') stop 3
    if (ecf%status() /= ecf_ok .or. ecf%message() /= '') stop 4
    print '(3a, i0)', 'step ', step, ' port ', reply%port()
    call ecf%complete(stat, message)
    call must(stat, message)
    call ecf%close()
  end subroutine run
end program model
