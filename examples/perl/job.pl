#!/usr/bin/perl
# A job that tells how far it is, then asks the server what it has got (argument: the steps).
# Needs FFI::Platypus: Debian's package libffi-platypus-perl. ECF_FAILOVER_LIBRARY names the
# library where the system does not find it. Exit status: 0, or the number of the status of the
# command that failed.
use strict;
use warnings;
use FFI::Platypus 1.00;
use FFI::Platypus::Buffer qw(buffer_to_scalar);

my $ffi = FFI::Platypus->new(api => 1);
$ffi->lib($ENV{ECF_FAILOVER_LIBRARY} // 'libecf_failover.so.0');

# What is used of ecf_failover.h; handles are opaque.
$ffi->attach(ecf_client_new  => []         => 'opaque');
$ffi->attach(ecf_client_free => ['opaque'] => 'void');
$ffi->attach(ecf_client_set  => ['opaque', 'string', 'string'] => 'sint32');
$ffi->attach($_ => ['opaque', 'sint32', 'string[]', 'opaque*'] => 'sint32')
    for qw(ecf_send_task_cmd ecf_send_user_cmd);
$ffi->attach(ecf_reply_error    => ['opaque'] => 'string');
$ffi->attach(ecf_reply_text     => ['opaque'] => 'opaque');
$ffi->attach(ecf_reply_text_len => ['opaque'] => 'size_t');
$ffi->attach(ecf_reply_free     => ['opaque'] => 'void');
$ffi->attach(ecf_status_text    => ['sint32'] => 'string');

# Sends a command: its status, its text, and why it failed. Perl's strings are copies, so the
# reply can be freed here.
sub command {
    my ($send, $client, @words) = @_;
    my $reply;
    my $status = $send->($client, scalar @words, \@words, \$reply);
    my $text   = buffer_to_scalar(ecf_reply_text($reply), ecf_reply_text_len($reply));
    my $error  = ecf_reply_error($reply);
    ecf_reply_free($reply);
    return ($status, $text, $error);
}

my $steps  = shift // 10;
my $client = ecf_client_new();

# A dead server must not hold the model: half a minute for each meter, no more.
ecf_client_set($client, 'ECF_FAILOVER_PROGRESS_TIMEOUT', '30')
    unless $ENV{ECF_FAILOVER_PROGRESS_TIMEOUT};

my ($status, $text, $error) = (0, '', '');
for my $step (1 .. $steps) {
    ($status, $text, $error) = command(\&ecf_send_task_cmd, $client, '--meter=step', $step);
    last if $status;
}
if (!$status) {
    ($status, $text, $error) =
        command(\&ecf_send_user_cmd, $client, '--query', 'meter', "$ENV{ECF_NAME}:step");
    print $text;
}
print STDERR ecf_status_text($status), "\n$error\n" if $status;
ecf_client_free($client);
exit $status;
