program model
  use ecflow_light
  implicit none
  character(len=32) :: name
  integer :: step, bad
  bad = 0
  name = 'm'
  do step = 41, 80
    bad = bad + ecflow_light_update_meter(name, step)
  end do
  bad = bad + ecflow_light_update_label('l    ', 'by Fortran   ')
  bad = bad + ecflow_light_update_event('e', 1)
  print '(i0)', bad
end program model
