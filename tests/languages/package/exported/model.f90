! Lets a library send its arguments.
program model
  interface
    subroutine send_arguments() bind(c)
    end subroutine send_arguments
  end interface
  call send_arguments()
end program model
