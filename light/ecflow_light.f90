!> ecflow_light's functions for Fortran, served by ecf_failover: see ecflow/light/API.h. Strings may be
!> padded with blanks; each function returns 0 when the update was queued.
module ecflow_light
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  implicit none
  private
  public :: ecflow_light_update_meter, ecflow_light_update_label, ecflow_light_update_event

  interface
    function c_update_meter(name, number) bind(c, name='ecflow_light_update_meter') result(code)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int), value :: number
      integer(c_int) :: code
    end function c_update_meter

    function c_update_label(name, text) bind(c, name='ecflow_light_update_label') result(code)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: name(*), text(*)
      integer(c_int) :: code
    end function c_update_label

    function c_update_event(name, number) bind(c, name='ecflow_light_update_event') result(code)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int), value :: number
      integer(c_int) :: code
    end function c_update_event
  end interface

contains

  integer function ecflow_light_update_meter(name, value) result(code)
    character(len=*), intent(in) :: name
    integer, intent(in) :: value
    code = int(c_update_meter(trim(name)//c_null_char, int(value, c_int)))
  end function ecflow_light_update_meter

  integer function ecflow_light_update_label(name, value) result(code)
    character(len=*), intent(in) :: name, value
    code = int(c_update_label(trim(name)//c_null_char, trim(value)//c_null_char))
  end function ecflow_light_update_label

  !> 0 clears it, anything else sets it.
  integer function ecflow_light_update_event(name, value) result(code)
    character(len=*), intent(in) :: name
    integer, intent(in) :: value
    code = int(c_update_event(trim(name)//c_null_char, int(value, c_int)))
  end function ecflow_light_update_event

end module ecflow_light
