# After an upgrade and a reload a worker and the companion may be of different
# versions of the module.  Both say so, once, and nobody hurries.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Link;
use IO::Handle;
use Time::HiRes qw(time);

my $kafka = KafkaSSE::Kafka->shared;
my $topic = $kafka->topic('version');
$kafka->fill($topic, n => 1000);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => 'off', http => 'kafka_sse_history records=1;',
    server => <<"END")->start;
location /all { kafka_sse $topic; kafka_sse_start earliest; }
END


# ---- the worker is another

for my $version (2, 99) {
    my $link = KafkaSSE::Link->new($node);

    # a LOOK, of whatever form that has there

    $link->raw(pack('LSSLL', 24, 6, $version, 7, 0) . "\xff" x 8);

    my ($got, $until) = ('', time + 10);

    while (time < $until) {
        my $n = sysread $link->{fh}, $got, 4096, length $got;
        last if defined $n && $n == 0 || !defined $n && !$!{EAGAIN};
        sleep 0.01 if !$n;
    }

    my ($size, $type, undef, $number, $why) = unpack 'LSSLL', $got;
    is_deeply([ length $got, $size, $type, $number, $why ],
              [ 16, 16, 20, 7, 2 ],
              "a worker of version $version is told why, and let go");
}

is(scalar $node->log_lines(qr/\[warn\].*worker of another version/), 1,
   '... which is said once');


# ---- the companion is another: we take its place while it sleeps

SKIP: {
    my $pid = $node->companion;
    my $fd = listening($node->master);

    skip 'this kernel does not hand over descriptors', 5 if $fd < 0;

    open my $listen, '+<&=', $fd or die "open: $!";
    $listen->blocking(0);

    wait_for(20, 'the topic has started', sub {
        $node->log_lines(qr/"\Q$topic\E" is served/) });

    kill STOP => $pid;

    my $sse = $node->sse('/all');
    my (@at, @links);
    my $until = time + 4.5;

    pump(20, 'the time is over', sub {
        if (accept my $link, $listen) {
            push @at, time;
            push @links, $link;
        }

        for my $link (@links) {
            $link->blocking(0);
            next if !sysread $link, my $head, 4096;
            my ($number) = unpack 'x8L', $head;
            syswrite $link, pack 'LSSLL', 16, 20, 99, $number, 2;
        }

        return time > $until;
    });

    cmp_ok(scalar @at, '>=', 2, 'a worker tries again');
    cmp_ok(scalar @at, '<=', 3, '... but not often') or diag("@at");
    is(scalar $node->log_lines(qr/\[warn\].*companion is of another version/),
       1, '... and says why, once');

    kill CONT => $pid;

    ok(eval { $sse->wait_records(1000, 20); 1 },
       '... and once there is one of its version it is served') or diag($@);
    is_deeply($sse->faults, [], '... properly');
    $sse->close;
}

finish;


# the master's socket: pidfd_open(), pidfd_getfd()

sub listening ($pid) {
    my %inode = map { my @f = split; $f[6] => 1 }
                grep { / 00010000 \d+ 01 +\d+ @/ }
                split /\n/, slurp("/proc/$pid/net/unix");

    my ($number) = map { m{/(\d+)$} }
                   grep { (readlink($_) // '') =~ /^socket:\[(\d+)\]/
                          && $inode{$1} }
                   glob "/proc/$pid/fd/*";

    # what is a string for Perl would be passed as its address

    my $pidfd = syscall 434, $pid + 0, 0;
    return -1 if $pidfd < 0;

    return syscall 438, $pidfd, $number + 0, 0;
}
