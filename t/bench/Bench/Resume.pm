package Bench::Resume;

# How long 10,000 streams take to resume after their node has died: two nodes
# of one group, all streams at the first, whose processes are killed.  The
# clients come back to the second one after their "retry", with their last id,
# while records go on.

use v5.36;

use Time::HiRes qw(sleep);
use KafkaSSE::Rig qw(unique wait_for);
use Bench::Rig;

my $streams = $ENV{RESUME} // ($quick ? 1000 : 10_000);
my $partitions = 12;
my $rate    = 10;                       # records a second
my $before  = $quick ? 2 : 3;           # seconds of them before the death
my $after   = $quick ? 6 : 12;          # and after
my $retry   = 'kafka_sse_retry 0 jitter=1s';


sub new ($class) { bless { name => 'resume', runs => [] }, $class }


sub node ($feed, $topic) {
    return ours(streams => $streams, topic => $topic,
                brokers => $feed->{brokers}, location => [ $retry ]);
}


sub measure ($self) {
    my $topic = unique('resume');

    brokers();                          # or the reason why not

    my $feed = kafka_feed($topic, $partitions);
    my ($dies, $lives) = map { node($feed, $topic) } 1 .. 2;

    $dies->{feed} = $feed;
    $self->{conf} = $lives->{conf};
    shared_out($dies, $lives);

    my $load = load_start($dies, worker => $lives->{pids}{worker},
                          companion => $lives->{pids}{companion},
                          first => $dies->{pids}{worker});

    connect_streams($dies, 1);
    warm_up($dies);
    my $connect = connect_streams($dies, $streams - 1);
    warm_up($dies);

    my $r = phase($dies, $rate, $before + $after, 10, sub (@) {
        sleep $before;
        talk($load, join ' ', 'kill', $lives->{port}, $dies->{main},
                    @{$dies->{pids}}{qw(worker companion)});
    });

    $r->{connect_us} = $connect->{cpu_us}{first} / ($streams - 1);
    $self->check($r, status($lives));

    # when all is over: nothing comes once more, and what a record costs then

    $r->{steady} = phase($dies, $rate, $quick ? 1 : 3, 5);
    if (my $why = complaint($r->{steady})) {
        wrong("resume, afterwards: $why");
    }

    my $done = $r->{resumed};

    $r->{each_us} = $done->{cpu_us}{worker} / $streams;
    $r->{busy} = $done->{cpu_us}{worker} / $done->{last_us} * 100
        if $done->{last_us};

    push @{$self->{runs}}, $r;

    printf "  %s streams: the last had resumed after %.0f ms, worker %.0f ms\n",
        commas($done->{all}), $done->{last_us} / 1000,
        $done->{cpu_us}{worker} / 1000;

    server_stop($_) for $dies, $lives;
    kafka_tool('delete', $topic);
}


# Each node has half of the partitions, and all of them by Redis.

sub shared_out (@nodes) {
    wait_for(60, 'the nodes share the partitions', sub {
        for my $node (@nodes) {
            my $s = status($node);

            return 0 if @{$s->{partitions}} != $partitions
                        || $s->{all}{direct}
                        || $s->{cluster}{partitions_assigned}
                           != $partitions / @nodes;
        }

        return 1;
    }, 0.1);
}


sub check ($self, $r, $status) {
    my $done = $r->{resumed};
    my $resumed = $status->{streams}{resumed};

    if (my $why = complaint($r)) {
        wrong("resume: $why");
    }

    for my $what (qw(ended all)) {
        wrong("resume: $what: $done->{$what} streams of $streams")
            if $done->{$what} != $streams;
    }

    wrong("resume: the node says that $resumed resumed")
        if $resumed != $streams;
    wrong("resume: $status->{streams}{resets} resets")
        if $status->{streams}{resets};
}


my @columns = (
    [ sub { $_[0]{resumed}{kill_us}{p50} / 1000 },
      'p50 ms', 'from kill', '%.0f' ],
    [ sub { $_[0]{resumed}{kill_us}{p99} / 1000 },
      'p99 ms', 'from kill', '%.0f' ],
    [ sub { $_[0]{resumed}{last_us} / 1000 },
      'the last', 'of them', '%.0f' ],
    [ sub { $_[0]{resumed}{answer_us}{p50} / 1000 },
      'p50 ms', 'answered', '%.1f' ],
    [ sub { $_[0]{resumed}{answer_us}{p99} / 1000 },
      'p99 ms', 'answered', '%.1f' ],
    [ sub { $_[0]{resumed}{cpu_us}{worker} / 1000 },
      'CPU ms of', 'worker', '%.0f' ],
    [ sub { $_[0]{busy} },
      '% of its', 'core', '%.0f' ],
    [ sub { $_[0]{each_us} },
      'us per', 'resume', '%.1f' ],
    [ sub { $_[0]{resumed}{records} / $streams },
      'records', 'with it', '%.1f' ],
    [ sub { $_[0]{connect_us} },
      'us per', 'connect', '%.1f' ],
);


sub finish ($self) {
    my @runs = @{$self->{runs}} or return undef;

    my @m = map { my $of = $_->[0]; median(map { $of->($_) } @runs) } @columns;
    my $late = median(map { $_->{resumed}{late_us} } @runs) / 1000;

    say commas($streams), " streams resume at another node after kill -9 of ",
        "theirs; $rate records/s in $partitions\npartitions, \"$retry\".  ",
        "Both workers on core $server_core, all else on\n$other_cores.  ",
        "Resumed is who has the first record after its id, answered who has\n",
        "a 200, from the connect() on.\n";

    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);
    line('ngx_kafka_sse (ours)', map { cell($columns[$_][3], $m[$_]) }
                                     0 .. $#columns);

    my $connect = median(map { $_->{connect_us} } @runs);
    my $record = median(map { $_->{steady}{worker} } @runs);

    printf "\na resume, with its records, is x%.2f of a fresh connect; "
         . "afterwards a record costs\neach stream %.2f us\n",
        median(map { $_->{each_us} } @runs) / $connect, $record;
    printf "half of the partitions had lost their owner: after %.0f ms no "
         . "record was\n0.5 s late any more\n", $late;

    return { streams => $streams, partitions => $partitions, rate => $rate,
             retry => $retry, runs => \@runs, conf => $self->{conf} };
}


1;
