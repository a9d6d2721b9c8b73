package KafkaSSE::Rig;

# What all parts of the test rig share: where things are, ports, directories,
# processes with a time limit, waiting for conditions.  Everything that was
# started here is ended when the test ends, however it ends.

use v5.36;

use Exporter 'import';
use File::Path ();
use File::Spec;
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(top build tempdir free_port wait_for slow run spawn reap
                    json_decode json_encode slurp spew unique at_end
                    wait_exit alive);

my $top = __FILE__ =~ m{^(.*)/t/lib/KafkaSSE/Rig\.pm$} ? $1 : '.';
$top = File::Spec->rel2abs($top);

my $owner = $$;
my $tempdir;
my %children;       # pid => what it is
my @at_end;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;


# A test that hangs is a failure that says where.

my $limit = $ENV{KAFKA_SSE_TEST_LIMIT} // 180;

$SIG{ALRM} = sub {
    require Carp;
    Carp::confess("the test takes longer than its limit");
};

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };
$SIG{PIPE} = 'IGNORE';


sub top   { $top }
sub build { $ENV{KAFKA_SSE_TEST_BUILD} // "$top/build" }

# How much longer than usual things may take, under ASan for one.

sub slow { $ENV{KAFKA_SSE_TEST_SLOW} // 1 }

alarm($limit * slow());


sub tempdir {
    if (!defined $tempdir) {
        $tempdir = File::Temp::tempdir('kafka_sse.XXXXXX', TMPDIR => 1);
        chmod 0755, $tempdir;
    }

    return $tempdir;
}


# A port that nobody listens on.  Below the range of outgoing connections,
# where one could take it before we use it.

{
    my %given;

    sub free_port {
        for (1 .. 1000) {
            my $port = 10000 + int rand 22000;
            next if $given{$port}++;

            my $sock = IO::Socket::INET->new(
                LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
                Proto => 'tcp');
            next if !$sock;

            close $sock;
            return $port;
        }

        die "no free port";
    }
}


# A name that no other test has used.

{
    my $n = 0;

    sub unique ($prefix) {
        return sprintf '%s-%x-%x-%d', $prefix, time, $$, ++$n;
    }
}


# Waits until the condition is true and returns its value; dies, naming what
# was waited for, when the time is over.

sub wait_for ($seconds, $what, $condition, $pause = 0.02) {
    my $deadline = time + $seconds * slow();

    for ( ;; ) {
        my $value = $condition->();
        return $value if $value;

        if (time > $deadline) {
            require Carp;
            Carp::croak("waited $seconds s in vain: $what");
        }

        sleep $pause;
    }
}


# Runs a command to its end: (out, err, status); status is -1 when it was
# killed because the time was over.  Output goes to files, not pipes: what a
# daemon inherits must not make us wait for it.

sub run ($cmd, %opt) {
    my ($in, $out, $err) = map { tempdir() . "/run.$$.$_" } qw(in out err);

    spew($in, $opt{in} // '');
    unlink $out, $err;

    my $pid = spawn($cmd, %opt, in => $in, out => $out, err => $err);
    my $status = wait_exit($pid, $opt{timeout} // 30);

    if (!defined $status) {
        kill KILL => $pid;
        wait_exit($pid, 5);
        $status = -1;
    }

    return { out => slurp($out), err => slurp($err), status => $status,
             cmd => "@$cmd" };
}


# Starts a command.  leash: it ends with this process, even if that is killed;
# keep: it lives on.

sub spawn ($cmd, %opt) {
    my @cmd = @$cmd;
    unshift @cmd, build() . '/tool/leash' if $opt{leash};

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM PIPE);
        alarm 0;

        open STDIN, '<', $opt{in} // '/dev/null';
        open STDOUT, '>>', $opt{out} // '/dev/null';
        open STDERR, '>>', $opt{err} // $opt{out} // '/dev/null';

        # its own group: Ctrl-C comes to us alone, and we end it in order

        setpgrp;

        $ENV{$_} = $opt{env}{$_} for keys %{$opt{env} // {}};

        exec { $cmd[0] } @cmd or print STDERR "$cmd[0]: $!\n";
        POSIX::_exit(127);
    }

    $children{$pid} = $cmd[0] if !$opt{keep};

    return $pid;
}


# The exit status of a child, or undef if it still runs after so long.

sub wait_exit ($pid, $seconds) {
    my $deadline = time + $seconds * slow();
    my $pause = 0.002;

    for ( ;; ) {
        my $rc = waitpid $pid, WNOHANG;

        if ($rc == $pid || $rc == -1) {
            delete $children{$pid};
            return $rc == -1 ? -1 : $?;
        }

        return undef if time > $deadline;

        sleep $pause;
        $pause = 0.02 if ($pause *= 1.5) > 0.02;
    }
}


sub alive ($pid) {
    waitpid $pid, WNOHANG;

    my $stat = slurp("/proc/$pid/stat");
    return $stat ne '' && $stat !~ /\) [ZX] /;
}


sub slurp ($path) {
    open my $fh, '<:raw', $path or return '';
    local $/;
    return scalar(<$fh>) // '';
}


sub spew ($path, $text) {
    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $text or die "$path: $!";
    close $fh or die "$path: $!";
}


sub json_decode ($text)  { $json->decode($text) }
sub json_encode ($value) { $json->encode($value) }


# What is to be done when the test ends, last come first served.

sub at_end ($code) { push @at_end, $code }


END {
    if ($$ == $owner) {
        local $?;

        alarm 0;
        local $@;

        while (my $code = pop @at_end) {
            eval { $code->(); 1 } or print STDERR "# at the end: $@";
        }

        kill KILL => keys %children if %children;
        wait_exit($_, 5) for keys %children;

        if (defined $tempdir) {
            if ($ENV{KAFKA_SSE_TEST_KEEP}) {
                print STDERR "# kept $tempdir\n";
            } else {
                File::Path::remove_tree($tempdir, { safe => 0 });
            }
        }
    }
}


1;
