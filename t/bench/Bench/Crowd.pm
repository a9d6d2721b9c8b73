package Bench::Crowd;

# 50,000 streams at once, 20 records a second to all of them, gathered, for five
# minutes: several workers, and several processes that hold the streams, as none
# may have so many descriptors.

use v5.36;

use List::Util qw(max min sum0);
use POSIX qw(ceil);
use KafkaSSE::Rig qw(slurp);
use Bench::Rig;
use Bench::Row;
use Bench::Figure;

my $streams = $ENV{CROWD_STREAMS} // ($quick ? 5000 : 50_000);
my $seconds = $ENV{CROWD_SECONDS} // ($quick ? 10 : 300);
my $rate    = 20;
my $window  = 'kafka_sse_flush 500ms';

# an even share, and a tenth, must be below the bound of one process

my $workers = max(2, ceil($streams * 1.1 / ($descriptors - 500)));
my $loads   = ceil($streams / ($descriptors - 500));
my $need    = $streams * 30 / 1024;     # MB: 15 KB each were seen


sub new ($class) { bless { name => 'crowd' }, $class }


sub available {
    my ($kb) = slurp('/proc/meminfo') =~ /^MemAvailable:\s+(\d+)/m;
    return $kb / 1024;
}


sub measure ($self) {
    my $had = available();

    die sprintf "%s streams want %.0f MB of memory, %.0f are available\n",
        commas($streams), $need, $had if $had < $need;

    my ($row) = rows($ours);

    $row->start($streams, workers => $workers, loads => $loads,
                cores => '0-' . ($cores - 1), location => [ $window ]);

    my $r = phase($row->{server}, $rate, $seconds, 10);

    wrong("crowd: " . complaint($r)) if complaint($r);

    $self->{run} = $r;
    $self->{conf} = $row->{conf};
    $r->{memory} = $row->memory;
    $r->{memory_each} = $row->{memory};
    $r->{taken_mb} = $had - available();

    $row->stop;

    printf "  %s streams for %.0f s, %s events, p99 %.0f ms, %s missing\n",
        commas($r->{streams}), $r->{wall}, commas($r->{received}),
        $r->{latency_us}{p99} / 1000, commas($r->{missing} + $r->{lost});
}


sub finish ($self) {
    my $r = $self->{run} or return undef;
    my $cpu = $r->{cpu_us};
    my @each = sort { $b <=> $a } map { $cpu->{$_} / 1e4 / $r->{wall} }
                                  grep { /^worker/ } keys %$cpu;

    say commas($streams), " streams, $rate records/s of $size bytes to all, ",
        "for $seconds s, \"$window\"; $workers workers,\n$loads processes ",
        "that hold the streams, all on $cores cores together; a process may ",
        "have\n", commas($descriptors), " descriptors.  Latency is that of ",
        "the process that had the worst.\n";

    my @facts = (
        [ 'received', '%s events, %s lost, %s missing, %s repeated',
          map { commas($r->{$_}) } qw(received lost missing repeated) ],
        [ 'latency', 'p50 %.0f ms, p99 %.0f ms, p99.9 %.0f ms',
          map { $r->{latency_us}{$_} / 1000 } qw(p50 p99 p999) ],
        [ 'CPU of the workers', '%s %% of a core, %.0f %% in all',
          join(', ', map { sprintf '%.0f', $_ } @each), sum0(@each) ],
        [ 'CPU of the companion', '%.1f %% of a core',
          $cpu->{companion} / 1e4 / $r->{wall} ],
        [ 'CPU of the load', '%.0f %% of a core, of the busiest',
          $r->{load_share} ],
        [ 'memory of the workers', '%s MB, %s bytes per stream',
          commas($r->{memory} / 2 ** 20), commas($r->{memory_each}) ],
        [ 'memory of all', '%s MB, with the load and the kernel',
          commas($r->{taken_mb}) ],
    );

    for my $fact (@facts) {
        my ($what, $format, @values) = @$fact;
        printf "%-24s$format\n", $what, @values;
    }

    return { streams => $streams, rate => $rate, seconds => $seconds,
             workers => $workers, loads => $loads, conf => $self->{conf},
             run => $r };
}


sub figures ($self) {
    my $r = $self->{run} or return ();
    my $what = commas($streams) . " streams, $seconds s";

    return (figure("$what: lost", 'commas', $r->{missing} + $r->{lost}, undef,
                   undef, most => 0),
            figure("$what: p99", '%.0f ms', $r->{latency_us}{p99} / 1000),
            figure("$what: CPU of the workers", '%.0f %%', $r->{share}),
            figure("$what: memory of the workers", 'commas bytes',
                   $r->{memory_each}));
}


1;
