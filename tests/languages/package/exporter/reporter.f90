! Sends its arguments as a task command, for a program in C.
subroutine send_arguments() bind(c)
  use ecf_failover
  implicit none
  type(ecf_client) :: ecf
  character(len=64) :: words(2)
  integer :: stat
  call get_command_argument(1, words(1))
  call get_command_argument(2, words(2))
  call ecf%open()
  call ecf%task(words, stat=stat)
  print '(a)', ecf_status_name(stat)
  call ecf%close()
end subroutine send_arguments
