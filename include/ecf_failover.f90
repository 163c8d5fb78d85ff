! ecf_failover for Fortran 2008: the model tells ecFlow how far it is.
!
!   use ecf_failover
!   type(ecf_client) :: ecf
!   call ecf%open()                       ! ECF_HOST, ECF_NAME, ECF_HOSTFILE ... of the environment
!   call ecf%meter('step', 42)            ! from one rank
!   call ecf%close()
!
! Errors. Every procedure that can fail ends with the optional arguments stat and errmsg, as
!   Fortran's own statements do: stat is 0 or one of the ecf_err_* numbers, errmsg is left alone
!   on success. Without stat a failure does not stop the model: it is kept, and status() and
!   message() tell the last one; open(verbose=.true.) prints it on the error unit.
! Time. A command returns when a server has confirmed it, or when its time is over, which is a
!   day unless ECF_TIMEOUT says otherwise: call ecf%set('ECF_FAILOVER_PROGRESS_TIMEOUT', '30')
!   bounds event, meter and label.
! Handles. A client is closed by close and by nothing else. A copy of one (a = b) is a closed
!   client, so that nothing is freed twice.
! Threads. A client belongs to one thread at a time: give each thread its own. Only cancel, resume
!   and pending may be called from another one meanwhile, and any number of threads may post to one
!   client at once, each with stat: then a failure is not kept in the client.
! Strings. Trailing blanks are not sent, nor what stands behind a NUL. Bytes go as they are,
!   whatever their encoding.
!
! What the commands and keys do is told in ecf_failover.h, ecf_client(1) and ecf_failover_keys(5).

module ecf_failover
  use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_f_pointer, c_f_procpointer, &
    c_funloc, c_funptr, c_int16_t, c_int32_t, c_int64_t, c_loc, c_null_char, c_null_ptr, c_ptr, &
    c_size_t
  use, intrinsic :: iso_fortran_env, only: error_unit
  implicit none
  private

  public :: ecf_client, ecf_reply, ecf_attempt, ecf_attempt_procedure
  public :: ecf_version, ecf_status_name, ecf_status_text

! constants: generated from src/ffi
  integer, parameter, public :: ecf_ok = 0
  integer, parameter, public :: ecf_err_argument = 1
  integer, parameter, public :: ecf_err_config = 2
  integer, parameter, public :: ecf_err_rejected = 3
  integer, parameter, public :: ecf_err_timeout = 4
  integer, parameter, public :: ecf_err_unreachable = 5
  integer, parameter, public :: ecf_err_denied = 6
  integer, parameter, public :: ecf_err_cancelled = 7
  integer, parameter, public :: ecf_err_unknown_outcome = 8
  integer, parameter, public :: ecf_err_internal = 9
  integer, parameter, public :: ecf_err_caller = 10
  integer, parameter, public :: ecf_err_too_small = 11
  integer, parameter, public :: ecf_in_progress = 12
  integer, parameter, public :: ecf_outcome_ok = 0
  integer, parameter, public :: ecf_outcome_rejected = 1
  integer, parameter, public :: ecf_outcome_wait = 2
  integer, parameter, public :: ecf_outcome_halted = 3
  integer, parameter, public :: ecf_outcome_zombie = 4
  integer, parameter, public :: ecf_outcome_not_sent = 5
  integer, parameter, public :: ecf_outcome_unconfirmed = 6
  integer, parameter, public :: ecf_outcome_fatal = 7
  integer, parameter, public :: ecf_kind_task = 0
  integer, parameter, public :: ecf_kind_user = 1
  integer, parameter, public :: ecf_kind_ping = 2
  integer, parameter, public :: ecf_log_error = 1
  integer, parameter, public :: ecf_log_warn = 2
  integer, parameter, public :: ecf_log_info = 3
  integer, parameter, public :: ecf_log_debug = 4
  integer, parameter, public :: ecf_plan_attempt = 0
  integer, parameter, public :: ecf_plan_wait = 1
  integer, parameter, public :: ecf_plan_done = 2
  integer, parameter, public :: ecf_plan_give_up = 3
! constants: end

  !> What became of one command: plain data, to be copied and kept at will.
  type :: ecf_reply
    private
    integer :: number = 0
    integer :: count = 0
    integer :: tcp_port = 0
    character(len=:), allocatable :: printed, told, who, story
  contains
    !> How the command ended: ecf_ok or an ecf_err_* number.
    procedure :: status => reply_status
    !> What ecflow_client would print, newlines included.
    procedure :: text => reply_text
    !> Why it failed, a line for each host; '' on success.
    procedure :: error => reply_error
    !> Who confirmed or refused it, and at which port.
    procedure :: host => reply_host
    procedure :: port => reply_port
    procedure :: attempts => reply_attempts
    !> Every attempt, as JSON.
    procedure :: report => reply_report
  end type ecf_reply

  !> A configuration and what was learnt about hosts.
  type :: ecf_client
    private
    type(c_ptr) :: handle = c_null_ptr
    logical :: is_verbose = .false.
    integer :: last_status = 0
    character(len=:), allocatable :: last_message
  contains
    procedure :: open => client_open
    procedure :: close => client_close
    procedure :: is_open => client_is_open
    !> Keys of ecf_failover_keys(5); '' brings back the default.
    procedure :: set => client_set
    procedure :: get => client_get
    !> Task commands, for the task of ECF_NAME and ECF_PASS.
    generic :: init => client_init, client_init_known
    procedure :: complete => client_complete
    generic :: abort => client_abort, client_abort_unexplained
    generic :: event => client_event, client_event_as
    procedure :: meter => client_meter
    procedure :: label => client_label
    procedure :: wait => client_wait
    procedure :: queue => client_queue
    generic :: post_event => client_post_event, client_post_event_as
    procedure :: post_meter => client_post_meter
    procedure :: post_label => client_post_label
    procedure :: flush => client_flush
    procedure :: pending => client_pending
    !> Any task command, any user command: the words of ecflow_client's command line.
    procedure :: task => client_task
    procedure :: user => client_user
    !> Lets the library decide where and when, while the model's own procedure delivers.
    procedure :: delegate => client_delegate
    !> Ends every command in progress, and later ones at once, until resume.
    procedure :: cancel => client_cancel
    procedure :: resume => client_resume
    !> The last failure; 0 and '' when there was none.
    procedure :: status => client_status
    procedure :: message => client_message
    generic :: assignment(=) => client_assign
    procedure, private :: client_init, client_init_known, client_abort
    procedure, private :: client_abort_unexplained, client_event, client_event_as, client_assign
    procedure, private :: client_post_event, client_post_event_as
  end type ecf_client

  !> One attempt of a delegated command, valid inside the procedure that got it.
  type :: ecf_attempt
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: host => attempt_host
    procedure :: port => attempt_port
    procedure :: number => attempt_number
    !> Milliseconds for the whole attempt.
    procedure :: timeout_ms => attempt_timeout_ms
    procedure :: cancelled => attempt_cancelled
    !> Words for the report.
    procedure :: note => attempt_note
  end type ecf_attempt

  abstract interface
    !> Makes one attempt and tells its outcome, an ecf_outcome_* number.
    function ecf_attempt_procedure(attempt) result(outcome)
      import :: ecf_attempt
      type(ecf_attempt), intent(in) :: attempt
      integer :: outcome
    end function ecf_attempt_procedure
  end interface

  type :: procedure_box
    procedure(ecf_attempt_procedure), pointer, nopass :: attempt => null()
  end type procedure_box

  !> NUL-terminated words, and where each begins; NULL stands behind the last.
  type :: word_list
    character(len=:), allocatable :: text
    character(kind=c_char), allocatable :: bytes(:)
    type(c_ptr), allocatable :: pointers(:)
  contains
    procedure :: add => list_add
    procedure :: finish => list_finish
    procedure :: words => list_words_in
    procedure :: count => list_count
  end type word_list

  interface
    function c_client_new() bind(c, name='ecf_client_new') result(client)
      import :: c_ptr
      type(c_ptr) :: client
    end function c_client_new

    subroutine c_client_free(client) bind(c, name='ecf_client_free')
      import :: c_ptr
      type(c_ptr), value :: client
    end subroutine c_client_free

    function c_client_set(client, key, text) bind(c, name='ecf_client_set') result(status)
      import :: c_char, c_int32_t, c_ptr
      type(c_ptr), value :: client
      character(kind=c_char), intent(in) :: key(*), text(*)
      integer(c_int32_t) :: status
    end function c_client_set

    function c_client_get(client, key, buf, cap, needed) bind(c, name='ecf_client_get') &
        result(status)
      import :: c_char, c_int32_t, c_ptr, c_size_t
      type(c_ptr), value :: client
      character(kind=c_char), intent(in) :: key(*)
      type(c_ptr), value :: buf
      integer(c_size_t), value :: cap
      integer(c_size_t), intent(out) :: needed
      integer(c_int32_t) :: status
    end function c_client_get

    function c_client_refusal(client, buf, cap, needed) bind(c, name='ecf_client_refusal') &
        result(status)
      import :: c_int32_t, c_ptr, c_size_t
      type(c_ptr), value :: client
      type(c_ptr), value :: buf
      integer(c_size_t), value :: cap
      integer(c_size_t), intent(out) :: needed
      integer(c_int32_t) :: status
    end function c_client_refusal

    function c_client_cancel(client) bind(c, name='ecf_client_cancel') result(status)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t) :: status
    end function c_client_cancel

    function c_client_resume(client) bind(c, name='ecf_client_resume') result(status)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t) :: status
    end function c_client_resume

    function c_send_task(client, argc, argv, reply) bind(c, name='ecf_send_task_cmd') &
        result(status)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t), value :: argc
      type(c_ptr), intent(in) :: argv(*)
      type(c_ptr), intent(out) :: reply
      integer(c_int32_t) :: status
    end function c_send_task

    function c_post_task(client, argc, argv) bind(c, name='ecf_post_task_cmd') result(status)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t), value :: argc
      type(c_ptr), intent(in) :: argv(*)
      integer(c_int32_t) :: status
    end function c_post_task

    function c_client_flush(client, timeout_ms, reply) bind(c, name='ecf_client_flush') &
        result(status)
      import :: c_int32_t, c_int64_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int64_t), value :: timeout_ms
      type(c_ptr), intent(out) :: reply
      integer(c_int32_t) :: status
    end function c_client_flush

    function c_client_pending(client) bind(c, name='ecf_client_pending') result(number)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t) :: number
    end function c_client_pending

    function c_send_user(client, argc, argv, reply) bind(c, name='ecf_send_user_cmd') &
        result(status)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t), value :: argc
      type(c_ptr), intent(in) :: argv(*)
      type(c_ptr), intent(out) :: reply
      integer(c_int32_t) :: status
    end function c_send_user

    function c_delegate(client, kind, settings, attempt, user, reply) &
        bind(c, name='ecf_delegate') result(status)
      import :: c_funptr, c_int32_t, c_ptr
      type(c_ptr), value :: client
      integer(c_int32_t), value :: kind
      type(c_ptr), intent(in) :: settings(*)
      type(c_funptr), value :: attempt
      type(c_ptr), value :: user
      type(c_ptr), intent(out) :: reply
      integer(c_int32_t) :: status
    end function c_delegate

    function c_reply_text(reply) bind(c, name='ecf_reply_text') result(text)
      import :: c_ptr
      type(c_ptr), value :: reply
      type(c_ptr) :: text
    end function c_reply_text

    function c_reply_text_len(reply) bind(c, name='ecf_reply_text_len') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: reply
      integer(c_size_t) :: length
    end function c_reply_text_len

    function c_reply_error(reply) bind(c, name='ecf_reply_error') result(text)
      import :: c_ptr
      type(c_ptr), value :: reply
      type(c_ptr) :: text
    end function c_reply_error

    function c_reply_host(reply) bind(c, name='ecf_reply_host') result(text)
      import :: c_ptr
      type(c_ptr), value :: reply
      type(c_ptr) :: text
    end function c_reply_host

    function c_reply_port(reply) bind(c, name='ecf_reply_port') result(port)
      import :: c_int16_t, c_ptr
      type(c_ptr), value :: reply
      integer(c_int16_t) :: port
    end function c_reply_port

    function c_reply_attempts(reply) bind(c, name='ecf_reply_attempts') result(attempts)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: reply
      integer(c_int32_t) :: attempts
    end function c_reply_attempts

    function c_reply_report(reply) bind(c, name='ecf_reply_report') result(text)
      import :: c_ptr
      type(c_ptr), value :: reply
      type(c_ptr) :: text
    end function c_reply_report

    subroutine c_reply_free(reply) bind(c, name='ecf_reply_free')
      import :: c_ptr
      type(c_ptr), value :: reply
    end subroutine c_reply_free

    function c_attempt_host(attempt) bind(c, name='ecf_attempt_host') result(text)
      import :: c_ptr
      type(c_ptr), value :: attempt
      type(c_ptr) :: text
    end function c_attempt_host

    function c_attempt_port(attempt) bind(c, name='ecf_attempt_port') result(port)
      import :: c_int16_t, c_ptr
      type(c_ptr), value :: attempt
      integer(c_int16_t) :: port
    end function c_attempt_port

    function c_attempt_number(attempt) bind(c, name='ecf_attempt_number') result(number)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: attempt
      integer(c_int32_t) :: number
    end function c_attempt_number

    function c_attempt_timeout_ms(attempt) bind(c, name='ecf_attempt_timeout_ms') result(time)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: attempt
      integer(c_int64_t) :: time
    end function c_attempt_timeout_ms

    function c_attempt_cancelled(attempt) bind(c, name='ecf_attempt_cancelled') result(flag)
      import :: c_int32_t, c_ptr
      type(c_ptr), value :: attempt
      integer(c_int32_t) :: flag
    end function c_attempt_cancelled

    subroutine c_attempt_note(attempt, text) bind(c, name='ecf_attempt_note')
      import :: c_char, c_ptr
      type(c_ptr), value :: attempt
      character(kind=c_char), intent(in) :: text(*)
    end subroutine c_attempt_note

    function c_version() bind(c, name='ecf_version') result(text)
      import :: c_ptr
      type(c_ptr) :: text
    end function c_version

    function c_status_name(status) bind(c, name='ecf_status_name') result(text)
      import :: c_int32_t, c_ptr
      integer(c_int32_t), value :: status
      type(c_ptr) :: text
    end function c_status_name

    function c_status_text(status) bind(c, name='ecf_status_text') result(text)
      import :: c_int32_t, c_ptr
      integer(c_int32_t), value :: status
      type(c_ptr) :: text
    end function c_status_text

    function c_strlen(text) bind(c, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function c_strlen
  end interface

contains

  ! ---- about ----

  !> The version of the library that is running.
  function ecf_version() result(text)
    character(len=:), allocatable :: text
    text = string_at(c_version())
  end function ecf_version

  !> The name of a status: 'ECF_ERR_TIMEOUT'.
  function ecf_status_name(status) result(text)
    integer, intent(in) :: status
    character(len=:), allocatable :: text
    text = string_at(c_status_name(int(status, c_int32_t)))
  end function ecf_status_name

  !> What a status means, in one sentence.
  function ecf_status_text(status) result(text)
    integer, intent(in) :: status
    character(len=:), allocatable :: text
    text = string_at(c_status_text(int(status, c_int32_t)))
  end function ecf_status_text

  ! ---- the client ----

  !> Opens it with the settings of the environment; one that is open is closed first.
  subroutine client_open(this, verbose, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    logical, intent(in), optional :: verbose
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call this%close()
    this%handle = c_client_new()
    this%is_verbose = .false.
    if (present(verbose)) this%is_verbose = verbose
    this%last_status = ecf_ok
    this%last_message = ''
    if (c_associated(this%handle)) then
      call tell(this, ecf_ok, '', stat, errmsg)
    else
      call tell(this, ecf_err_internal, 'no client could be made', stat, errmsg)
    end if
  end subroutine client_open

  subroutine client_close(this)
    class(ecf_client), intent(inout) :: this
    call c_client_free(this%handle)
    this%handle = c_null_ptr
  end subroutine client_close

  function client_is_open(this) result(answer)
    class(ecf_client), intent(in) :: this
    logical :: answer
    answer = c_associated(this%handle)
  end function client_is_open

  !> A copy is a closed client.
  impure elemental subroutine client_assign(this, other)
    class(ecf_client), intent(inout) :: this
    class(ecf_client), intent(in) :: other
    if (c_associated(this%handle, other%handle)) return
    call this%close()
    this%is_verbose = other%is_verbose
  end subroutine client_assign

  subroutine client_set(this, key, text, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: key, text
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    integer :: status
    status = int(c_client_set(this%handle, trim(key)//c_null_char, trim(text)//c_null_char))
    call tell(this, status, refusal(this), stat, errmsg)
  end subroutine client_set

  !> Why the last key was refused: never a value that may be a password.
  function refusal(this) result(text)
    class(ecf_client), intent(in) :: this
    character(len=:), allocatable :: text
    character(kind=c_char), allocatable, target :: buffer(:)
    integer(c_size_t) :: needed
    integer :: status
    text = 'the client is not open'
    if (.not. c_associated(this%handle)) return
    allocate (buffer(1024))
    do
      status = int(c_client_refusal(this%handle, c_loc(buffer), size(buffer, kind=c_size_t), needed))
      if (status /= ecf_err_too_small) exit
      deallocate (buffer)
      allocate (buffer(needed))
    end do
    text = string_at(c_loc(buffer))
  end function refusal

  subroutine client_get(this, key, text, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: key
    character(len=:), allocatable, intent(out) :: text
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char), allocatable, target :: buffer(:)
    integer(c_size_t) :: needed
    integer :: status
    character(len=:), allocatable :: message
    allocate (buffer(1024))
    do
      status = int(c_client_get(this%handle, trim(key)//c_null_char, c_loc(buffer), &
        size(buffer, kind=c_size_t), needed))
      if (status /= ecf_err_too_small) exit
      deallocate (buffer)
      allocate (buffer(needed))
    end do
    text = ''
    if (status == ecf_ok) text = string_at(c_loc(buffer))
    message = trim(key)//': an unknown key, or a secret one'
    if (.not. c_associated(this%handle)) message = 'the client is not open'
    call tell(this, status, message, stat, errmsg)
  end subroutine client_get

  subroutine client_init(this, remote_id, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: remote_id
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--init='//remote_id, stat=stat, errmsg=errmsg)
  end subroutine client_init

  !> With the id that stands in ECF_RID.
  subroutine client_init_known(this, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=:), allocatable :: remote_id
    integer :: status
    call this%get('ECF_RID', remote_id, status)
    call this%init(remote_id, stat, errmsg)
  end subroutine client_init_known

  subroutine client_complete(this, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--complete', stat=stat, errmsg=errmsg)
  end subroutine client_complete

  subroutine client_abort(this, reason, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: reason
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--abort='//reason, stat=stat, errmsg=errmsg)
  end subroutine client_abort

  subroutine client_abort_unexplained(this, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--abort', stat=stat, errmsg=errmsg)
  end subroutine client_abort_unexplained

  subroutine client_event(this, name, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--event='//name, stat=stat, errmsg=errmsg)
  end subroutine client_event

  !> `state` is 'set' or 'clear'.
  subroutine client_event_as(this, name, state, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name, state
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--event='//name, state, stat=stat, errmsg=errmsg)
  end subroutine client_event_as

  subroutine client_meter(this, name, number, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name
    integer, intent(in) :: number
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=24) :: digits
    write (digits, '(i0)') number
    call send_words(this, '--meter='//name, digits, stat=stat, errmsg=errmsg)
  end subroutine client_meter

  !> A text that begins like an option of ecflow_client's ('--meter=m') is taken for one, as there.
  subroutine client_label(this, name, text, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name, text
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--label='//name, text, stat=stat, errmsg=errmsg)
  end subroutine client_label

  !> Returns when the expression is true.
  subroutine client_wait(this, expression, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: expression
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call send_words(this, '--wait='//expression, stat=stat, errmsg=errmsg)
  end subroutine client_wait

  !> `action` is 'active', 'aborted', 'complete', 'no_of_aborted' or 'reset'; `answer` gets the step,
  !> or the number of aborted ones ('' where there are none, as ecflow_client prints nothing then);
  !> '<NULL>' when the queue is at its end.
  subroutine client_queue(this, name, action, step, path, answer, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name, action
    character(len=*), intent(in), optional :: step, path
    character(len=:), allocatable, intent(out), optional :: answer
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(ecf_reply) :: reply
    character(len=:), allocatable :: given
    call send_words(this, '--queue='//name, action, step, path, reply, stat, errmsg)
    if (present(answer)) then
      given = reply%text()
      answer = given(:max(len(given) - 1, 0))
    end if
  end subroutine client_queue

  subroutine client_task(this, words, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: words(:)
    type(ecf_reply), intent(out), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(word_list), target :: list
    call list_words(words, list)
    call send_list(this, list, reply, stat, errmsg)
  end subroutine client_task

  subroutine client_user(this, words, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: words(:)
    type(ecf_reply), intent(out), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(word_list), target :: list
    type(c_ptr) :: handle
    integer(c_int32_t) :: status
    call list_words(words, list)
    status = c_send_user(this%handle, list%count(), list%pointers, handle)
    call conclude(this, int(status), handle, reply, stat, errmsg)
  end subroutine client_user

  !> `kind` is an ecf_kind_* number; `settings` are keys and values for this command only, in turn.
  subroutine client_delegate(this, kind, attempt, settings, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(in) :: kind
    procedure(ecf_attempt_procedure) :: attempt
    character(len=*), intent(in), optional :: settings(:)
    type(ecf_reply), intent(out), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(procedure_box), target :: box
    type(word_list), target :: list
    character(len=1) :: none(0)
    type(c_ptr) :: handle
    integer :: status
    box%attempt => attempt
    if (present(settings)) then
      call list_words(settings, list)
    else
      call list_words(none, list)
    end if
    status = int(c_delegate(this%handle, int(kind, c_int32_t), list%pointers, &
      c_funloc(run_attempt), c_loc(box), handle))
    call conclude(this, status, handle, reply, stat, errmsg)
  end subroutine client_delegate

  function run_attempt(user, handle) bind(c) result(outcome)
    type(c_ptr), value :: user, handle
    integer(c_int32_t) :: outcome
    type(procedure_box), pointer :: box
    type(ecf_attempt) :: attempt
    call c_f_pointer(user, box)
    attempt%handle = handle
    outcome = int(box%attempt(attempt), c_int32_t)
  end function run_attempt

  subroutine client_cancel(this)
    class(ecf_client), intent(in) :: this
    integer(c_int32_t) :: status
    status = c_client_cancel(this%handle)
  end subroutine client_cancel

  subroutine client_resume(this)
    class(ecf_client), intent(in) :: this
    integer(c_int32_t) :: status
    status = c_client_resume(this%handle)
  end subroutine client_resume

  function client_status(this) result(status)
    class(ecf_client), intent(in) :: this
    integer :: status
    status = this%last_status
  end function client_status

  function client_message(this) result(message)
    class(ecf_client), intent(in) :: this
    character(len=:), allocatable :: message
    message = ''
    if (allocated(this%last_message)) message = this%last_message
  end function client_message

  ! ---- replies ----

  function reply_status(this) result(status)
    class(ecf_reply), intent(in) :: this
    integer :: status
    status = this%number
  end function reply_status

  function reply_text(this) result(text)
    class(ecf_reply), intent(in) :: this
    character(len=:), allocatable :: text
    text = or_nothing(this%printed)
  end function reply_text

  function reply_error(this) result(text)
    class(ecf_reply), intent(in) :: this
    character(len=:), allocatable :: text
    text = or_nothing(this%told)
  end function reply_error

  function reply_host(this) result(text)
    class(ecf_reply), intent(in) :: this
    character(len=:), allocatable :: text
    text = or_nothing(this%who)
  end function reply_host

  function reply_port(this) result(port)
    class(ecf_reply), intent(in) :: this
    integer :: port
    port = this%tcp_port
  end function reply_port

  function reply_attempts(this) result(attempts)
    class(ecf_reply), intent(in) :: this
    integer :: attempts
    attempts = this%count
  end function reply_attempts

  function reply_report(this) result(text)
    class(ecf_reply), intent(in) :: this
    character(len=:), allocatable :: text
    text = or_nothing(this%story)
  end function reply_report

  ! ---- attempts ----

  function attempt_host(this) result(text)
    class(ecf_attempt), intent(in) :: this
    character(len=:), allocatable :: text
    text = string_at(c_attempt_host(this%handle))
  end function attempt_host

  function attempt_port(this) result(port)
    class(ecf_attempt), intent(in) :: this
    integer :: port
    port = unsigned_port(c_attempt_port(this%handle))
  end function attempt_port

  function attempt_number(this) result(number)
    class(ecf_attempt), intent(in) :: this
    integer :: number
    number = int(c_attempt_number(this%handle))
  end function attempt_number

  function attempt_timeout_ms(this) result(time)
    class(ecf_attempt), intent(in) :: this
    integer :: time
    time = int(min(c_attempt_timeout_ms(this%handle), int(huge(0), c_int64_t)))
  end function attempt_timeout_ms

  function attempt_cancelled(this) result(answer)
    class(ecf_attempt), intent(in) :: this
    logical :: answer
    answer = c_attempt_cancelled(this%handle) /= 0
  end function attempt_cancelled

  subroutine attempt_note(this, text)
    class(ecf_attempt), intent(in) :: this
    character(len=*), intent(in) :: text
    call c_attempt_note(this%handle, trim(text)//c_null_char)
  end subroutine attempt_note

  ! ---- inside ----

  !> A task command of up to four words. No array of them is made: their lengths differ.
  subroutine send_words(this, first, second, third, fourth, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: first
    character(len=*), intent(in), optional :: second, third, fourth
    type(ecf_reply), intent(out), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(word_list), target :: list
    call list%add(first)
    if (present(second)) call list%add(second)
    if (present(third)) call list%add(third)
    if (present(fourth)) call list%add(fourth)
    call list%finish()
    call send_list(this, list, reply, stat, errmsg)
  end subroutine send_words

  !> Queued, and delivered by a thread of the library's: the model computes on.
  subroutine client_post_event(this, name, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call post_words(this, '--event='//name, stat=stat, errmsg=errmsg)
  end subroutine client_post_event

  !> `state` is 'set' or 'clear'.
  subroutine client_post_event_as(this, name, state, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name, state
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call post_words(this, '--event='//name, state, stat, errmsg)
  end subroutine client_post_event_as

  subroutine client_post_meter(this, name, number, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name
    integer, intent(in) :: number
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=24) :: digits
    write (digits, '(i0)') number
    call post_words(this, '--meter='//name, digits, stat, errmsg)
  end subroutine client_post_meter

  subroutine client_post_label(this, name, text, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: name, text
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call post_words(this, '--label='//name, text, stat, errmsg)
  end subroutine client_post_label

  subroutine post_words(this, first, second, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    character(len=*), intent(in) :: first
    character(len=*), intent(in), optional :: second
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(word_list), target :: list
    integer :: status
    character(len=:), allocatable :: message
    call list%add(first)
    if (present(second)) call list%add(second)
    call list%finish()
    status = int(c_post_task(this%handle, list%count(), list%pointers))
    if (status == ecf_ok) then
      message = ''
    else
      message = refusal(this)
    end if
    if (present(stat)) then
      ! Nothing of the client changes here: many threads may post to one.
      stat = status
      if (status /= ecf_ok .and. present(errmsg)) errmsg = ecf_status_name(status)//': '//message
    else
      call tell(this, status, message, errmsg=errmsg)
    end if
  end subroutine post_words

  !> Waits until all that was posted is delivered, for so many seconds at most; `errmsg` and `reply`
  !> tell what was not.
  !> A post that has failed waits for its next try as before (10 s unless set): allow for that.
  subroutine client_flush(this, seconds, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(in) :: seconds
    type(ecf_reply), intent(out), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_ptr) :: handle
    integer(c_int32_t) :: status
    status = c_client_flush(this%handle, 1000_c_int64_t*max(seconds, 0), handle)
    call conclude(this, int(status), handle, reply, stat, errmsg)
  end subroutine client_flush

  !> How many posts are not delivered yet.
  integer function client_pending(this)
    class(ecf_client), intent(in) :: this
    client_pending = int(c_client_pending(this%handle))
  end function client_pending

  subroutine send_list(this, list, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    type(word_list), intent(in) :: list
    type(ecf_reply), intent(inout), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_ptr) :: handle
    integer(c_int32_t) :: status
    status = c_send_task(this%handle, list%count(), list%pointers, handle)
    call conclude(this, int(status), handle, reply, stat, errmsg)
  end subroutine send_list

  !> Takes what is wanted of a reply, frees it, and tells how the command ended.
  subroutine conclude(this, status, handle, reply, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(in) :: status
    type(c_ptr), intent(in) :: handle
    type(ecf_reply), intent(inout), optional :: reply
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=:), allocatable :: message
    message = string_at(c_reply_error(handle))
    if (.not. c_associated(this%handle)) message = 'the client is not open'
    if (present(reply)) then
      reply%number = status
      reply%count = int(c_reply_attempts(handle))
      reply%tcp_port = unsigned_port(c_reply_port(handle))
      reply%printed = bytes_at(c_reply_text(handle), c_reply_text_len(handle))
      reply%told = message
      reply%who = string_at(c_reply_host(handle))
      reply%story = string_at(c_reply_report(handle))
    end if
    call c_reply_free(handle)
    call tell(this, status, message, stat, errmsg)
  end subroutine conclude

  !> The end of every procedure that can fail.
  subroutine tell(this, status, message, stat, errmsg)
    class(ecf_client), intent(inout) :: this
    integer, intent(in) :: status
    character(len=*), intent(in) :: message
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=:), allocatable :: words
    if (present(stat)) stat = status
    if (status == ecf_ok) return
    words = ecf_status_name(status)//': '//message
    if (present(errmsg)) errmsg = words
    this%last_status = status
    this%last_message = words
    if (this%is_verbose .and. .not. present(stat)) write (error_unit, '(2a)') 'ecf_failover: ', words
  end subroutine tell

  subroutine list_words(words, list)
    character(len=*), intent(in) :: words(:)
    type(word_list), intent(inout), target :: list
    integer :: word
    do word = 1, size(words)
      call list%add(words(word))
    end do
    call list%finish()
  end subroutine list_words

  subroutine list_add(this, word)
    class(word_list), intent(inout) :: this
    character(len=*), intent(in) :: word
    integer :: nul
    if (.not. allocated(this%text)) this%text = ''
    nul = index(word, c_null_char)
    if (nul == 0) nul = len(word) + 1
    this%text = this%text//trim(word(:nul - 1))//c_null_char
  end subroutine list_add

  !> Puts the bytes where they stay, and points to the beginning of each word.
  subroutine list_finish(this)
    class(word_list), intent(inout), target :: this
    integer :: place, word
    logical :: is_begin
    if (.not. allocated(this%text)) this%text = ''
    allocate (this%bytes(len(this%text) + 1))
    allocate (this%pointers(this%words() + 1))
    word = 0
    is_begin = .true.
    do place = 1, len(this%text)
      this%bytes(place) = this%text(place:place)
      if (is_begin) then
        word = word + 1
        this%pointers(word) = c_loc(this%bytes(place))
      end if
      is_begin = this%text(place:place) == c_null_char
    end do
    this%pointers(word + 1) = c_null_ptr
  end subroutine list_finish

  pure function list_words_in(this) result(words)
    class(word_list), intent(in) :: this
    integer :: words, place
    words = 0
    do place = 1, len(this%text)
      if (this%text(place:place) == c_null_char) words = words + 1
    end do
  end function list_words_in

  pure function list_count(this) result(count)
    class(word_list), intent(in) :: this
    integer(c_int32_t) :: count
    count = int(this%words(), c_int32_t)
  end function list_count

  function string_at(text) result(string)
    type(c_ptr), intent(in) :: text
    character(len=:), allocatable :: string
    string = bytes_at(text, c_strlen(text))
  end function string_at

  function bytes_at(text, length) result(string)
    type(c_ptr), intent(in) :: text
    integer(c_size_t), intent(in) :: length
    character(len=:), allocatable :: string
    character(kind=c_char), pointer :: bytes(:)
    integer(c_size_t) :: place
    call c_f_pointer(text, bytes, [length])
    allocate (character(len=length) :: string)
    do place = 1, length
      string(place:place) = bytes(place)
    end do
  end function bytes_at

  !> Ports above 32767 come as negative numbers of 16 bits.
  pure function unsigned_port(number) result(port)
    integer(c_int16_t), intent(in) :: number
    integer :: port
    port = modulo(int(number), 65536)
  end function unsigned_port

  pure function or_nothing(text) result(string)
    character(len=:), allocatable, intent(in) :: text
    character(len=:), allocatable :: string
    string = ''
    if (allocated(text)) string = text
  end function or_nothing

end module ecf_failover
