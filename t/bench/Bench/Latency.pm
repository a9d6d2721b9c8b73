package Bench::Latency;

# From the producer to the client: 100 records a second to 1,000 streams, by a
# real Kafka and Redis.  Beside it one kcat on the same topic at the same time,
# as nothing that reads Kafka is sooner, and the floor, as nothing that sends to
# as many clients is.

use v5.36;

use POSIX ();
use Time::HiRes qw(time);
use KafkaSSE::Rig qw(build unique tempdir wait_for wait_exit slurp at_end);
use Bench::Rig;
use Bench::Figure;

my ($streams) = split ' ', $ENV{STREAMS} // 1000;
my $partitions = 12;
my $rate    = 100;
my $seconds = $quick ? 5 : 30;

my %names = (
    kcat   => 'kcat -C -u, one reader',
    floor  => 'floor: one send each',
    redis  => 'ours, through Redis',
    direct => 'ours, directly',
);


sub new ($class) { bless { name => 'latency' }, $class }


# kcat, and a process of ours that takes down when each record came from it:
# one line of the run and us.

sub kcat ($topic) {
    my $out = tempdir() . '/' . unique('kcat');
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        alarm 0;

        open my $log, '>', $out or POSIX::_exit(1);
        $log->autoflush;

        open my $pipe, '-|', build() . '/tool/leash', 'kcat', '-C', '-u', '-q',
                       '-b', brokers(), '-t', $topic, '-o', 'end'
            or POSIX::_exit(1);

        while (my $line = <$pipe>) {
            my $now = time;
            print $log "$1 ", $now * 1e6 - $2, "\n"
                if $line =~ /^\{"r":(\d+),.*"t":(\d+)/;
        }

        POSIX::_exit(0);
    }

    my $kcat = { pid => $pid, out => $out };
    at_end(sub { kcat_end($kcat) });

    return $kcat;
}


sub kcat_end ($kcat) {
    my $pid = delete $kcat->{pid} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
}


sub kcat_had ($kcat, $run) {
    return map { /^$run (\S+)\n/ ? $1 : () } slurp($kcat->{out}) =~ /(.*\n)/g;
}


sub measure ($self) {
    my $topic = unique('latency');

    brokers();
    redis()->start if !redis()->pid;

    my $feed = kafka_feed($topic, $partitions);
    my $node = ours(streams => $streams, topic => $topic,
                    brokers => $feed->{brokers});
    $node->{feed} = $feed;
    $self->{conf} = $node->{conf};
    connected($node);

    wait_for(30, 'all partitions by Redis', sub {
        my $s = status($node);
        $s->{cluster}{partitions_assigned} == $partitions
            && !$s->{all}{direct};
    });

    my $kcat = kcat($topic);

    wait_for(30, 'kcat reads all partitions', sub {
        my $r = phase($node, 100, $partitions / 100, 5);
        eval {
            wait_for(1, 'a record of each', sub {
                kcat_had($kcat, $r->{run}) == $partitions;
            });
        };
    });

    my $r = $self->by('redis', $node);
    $self->by_kcat($kcat, $r);
    kcat_end($kcat);

    redis()->kill;

    wait_for(30, 'all partitions directly', sub {
        status($node)->{all}{direct} == $partitions;
    });

    $self->by('direct', $node);
    server_stop($node);
    redis()->start;
    kafka_tool('delete', $topic);

    $node = floor('one');
    connected($node);
    $self->by('floor', $node);
    server_stop($node);
}


sub connected ($node) {
    load_start($node, %{$node->{pids}});
    connect_streams($node, 1);
    warm_up($node);
    connect_streams($node, $streams - 1);
    warm_up($node);
}


sub by ($self, $how, $node) {
    my $r = phase($node, $rate, $seconds, 10);

    if (my $why = complaint($r)) {
        wrong("latency, $how: $why");
    }

    $self->done($how, $r);

    return $r;
}


sub by_kcat ($self, $kcat, $r) {
    my @us;

    eval {
        wait_for(10, 'kcat has all', sub {
            @us = kcat_had($kcat, $r->{run});
            @us >= $r->{sent};
        });
    };

    wrong("latency, kcat: " . @us . " records of $r->{sent}")
        if @us != $r->{sent};

    @us = sort { $a <=> $b } @us;

    $self->done('kcat', { late_us => $r->{late_us}, latency_us => {
        map { ("p$_" =~ s/\.//r, $us[$#us * $_ / 100]) } 50, 90, 99, 99.9 },
        max => $us[-1] });
}


sub done ($self, $how, $r) {
    $r->{latency_us}{max} //= delete $r->{max};
    push @{$self->{$how}}, $r;

    printf "  %-22s p50 %6.2f ms, p99 %6.2f ms, the feed late by %.2f ms at "
         . "most%s\n", $names{$how}, $r->{latency_us}{p50} / 1000,
        $r->{latency_us}{p99} / 1000, $r->{late_us} / 1000,
        say_others($r->{others} // 0);
}


my @columns = map { [ $_, $_ eq 'p999' ? 'p99.9' : $_, 'ms', '%.2f' ] }
                  qw(p50 p90 p99 p999 max);


sub finish ($self) {
    my %m;

    for my $how (grep { $self->{$_} } keys %names) {
        $m{$how} = { map { my $k = $_->[0];
                           ($k => median(map { $_->{latency_us}{$k} / 1000 }
                                             @{$self->{$how}})) } @columns };
    }

    say "Produced to received: $rate records/s of $size bytes in $partitions ",
        "partitions, ", commas($streams), " streams, for $seconds s.\nFrom ",
        "when a record was due to the client's recv(); the producer's ",
        "linger.ms is 0.\nServer's worker on core $server_core, all else on ",
        "$other_cores.\n";

    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);

    for my $how (grep { $m{$_} } qw(kcat floor direct redis)) {
        line($names{$how}, map { cell($_->[3], $m{$how}{$_->[0]}) } @columns);
    }

    for my $than (grep { $m{$_} } qw(kcat floor)) {
        say "\nas a multiple of $names{$than}";

        for my $how (grep { $m{$_} } qw(direct redis)) {
            say_ratio("  $names{$how}", $m{$how}, $m{$than},
                      map { $_->[0] } @columns);
        }
    }

    $self->{median} = \%m;
    stages(\%m);

    return { streams => $streams, partitions => $partitions, rate => $rate,
             seconds => $seconds, median => \%m, conf => $self->{conf},
             map { $_ => $self->{$_} } grep { $self->{$_} } keys %names };
}


# How much of the whole way each stage is, as far as the ways differ by one:
# kcat has what Kafka takes, "directly" adds our companion, the ring and the
# clients, of which the floor has the clients, and the whole way adds Redis.
# The ways ran after one another, so a small difference may be anything; it is
# not said to be less than nothing.

sub stages ($m) {
    return if grep { !$m->{$_} } qw(kcat floor direct redis);

    my %t = map { $_ => $m->{$_}{p50} } keys %$m;

    say "\nthe stages, as differences of these ways' p50\n";
    line('', 'ms', 'share');

    for my $stage (
        [ 'producer to consumer', $t{kcat} ],
        [ 'Redis, both ways',     $t{redis} - $t{direct} ],
        [ 'companion and ring',   $t{direct} - $t{kcat} - $t{floor} ],
        [ 'to all clients',       $t{floor} ])
    {
        my ($name, $ms) = @$stage;
        $ms = 0 if $ms < 0;

        line("  $name", sprintf('%.2f', $ms),
             sprintf('%.0f %%', $ms / $t{redis} * 100));
    }
}


sub figures ($self) {
    my $m = $self->{median};

    return (figure('producer to client: p50', '%.1f ms', $m->{redis}{p50},
                   undef, undef, most => 5),
            figure('producer to client: p99', '%.1f ms', $m->{redis}{p99},
                   undef, undef, most => 25),
            figure('producer to client: p50', '%.1f ms', $m->{redis}{p50},
                   $m->{kcat}{p50}, 'kcat'),
            figure('producer to client: p99', '%.1f ms', $m->{redis}{p99},
                   $m->{kcat}{p99}, 'kcat'));
}


1;
