package Bench::Events;

# What one delivered event costs, beside a bare send() loop and beside Debian's
# nchan: at given rates, and as many as go.

use v5.36;

use Time::HiRes qw(sleep);
use KafkaSSE::Rig qw(unique);
use Bench::Rig;

my $streams = $ENV{STREAMS} // 1000;
my @rates   = (10, 100);
my $seconds = $quick ? 1 : 3;
my $step    = $quick ? 1 : 2;           # seconds of one rate of the ramp

my $server;                             # the row's


# The rows.  start() returns { port, uri, main => pid, pids => { worker => pid,
# ... }, feed, conf => text }.

my @rows = (
    { name => 'floor: one send each',
      start => sub { floor('one') } },
    { name => 'floor: gathering',
      start => sub { floor('gather') } },
    { name => 'ngx_kafka_sse (ours)', start => \&ours_fed },
    { name => 'nchan, memory',
      start => sub { nchan($streams, '') } },
    { name => 'nchan, Redis',
      start => sub { nchan($streams, 'redis') } },
);


sub ours_fed {
    my $topic = unique('bench');
    my $feed = kafka_feed($topic);

    my $node = ours(streams => $streams, topic => $topic,
                    brokers => $feed->{brokers});
    $node->{feed} = $feed;

    return $node;
}


# Starts a row's server, with its streams connected and a record through it.

sub row_start ($row, $result) {
    $server = $row->{start}->();

    $result->{conf} //= $server->{conf};

    my $load = load_start($server, %{$server->{pids}});

    # one stream and one record first: what only the first one costs, and
    # what a server is not ready for yet, belongs to nobody's figures

    connect_streams($server, 1);
    warm_up($server);

    my $before = talk($load, 'memory');
    my $connect = connect_streams($server, $streams - 1);
    sleep 0.5;
    my $after = talk($load, 'memory');

    warm_up($server);

    push @{$result->{connect_us}},
         $connect->{cpu_us}{worker} / ($streams - 1);
    push @{$result->{memory}},
         ($after->{worker} - $before->{worker}) / ($streams - 1);
}


sub row_measure ($row, $result) {
    row_start($row, $result);

    for my $rate (@rates) {
        my $r = phase($server, $rate, $seconds, 5);

        push @{$result->{"at_$rate"}}, $r;
        say_phase($row, $r);

        if (my $why = complaint($r)) {
            wrong("$row->{name}, $rate/s: $why");
        }
    }

    my $guess = 1e6 / $result->{"at_$rates[-1]"}[-1]{cpu} / $streams;

    push @{$result->{peak}}, ramp($row, $result, 0.8 * $guess);
}


# Most delivered per second with p99 < 1 s: the rate doubles until something
# is not delivered in time, then twice between what went and what did not.
# Delivered is all records over the time from the first one's due to the last
# one's arrival, so an overload that is caught up with shows the capacity.
# Where even the first rate is too much, it is halved.

sub ramp ($row, $result, $rate) {
    my ($good, $bad, $best);

    for my $more (reverse 0 .. ($quick ? 8 : 16)) {
        my $r = phase($server, $rate, $step, 1.5);
        my $why = complaint($r);

        $why //= 'late' if $r->{latency_us}{p99} >= 1_000_000;
        say_phase($row, $r, $why);

        if (!$why) {
            $good = $rate;
            $best = $r if !$best || $r->{delivered} > $best->{delivered};

        } else {
            $bad = $rate;

            if ($r->{bad} || $r->{repeated}) {
                wrong("$row->{name}, $rate/s: $why");
            }
        }

        last if $bad && $good && ($quick || $bad / $good < 1.25);
        last if !$more;

        $rate = !$bad ? $rate * 2 : !$good ? $rate / 2 : sqrt($good * $bad);

        if ($why) {
            server_stop($server);
            row_start($row, $result);
        }
    }

    return $best;
}


sub say_phase ($row, $r, $why = undef) {
    printf "  %-22s %8s/s: %9s events, %6.2f us each, p99 %8.2f ms, %s/s%s%s\n",
        $row->{name}, commas($r->{rate}), commas($r->{received}), $r->{cpu},
        $r->{latency_us}{p99} / 1000, commas($r->{delivered}),
        $why ? "  -- $why" : '', say_others($r->{others});
}


sub row_median ($result) {
    my %m;

    for my $rate (@rates) {
        my @r = @{$result->{"at_$rate"} // []};

        $m{"cpu_$rate"} = median(map { $_->{cpu} } @r);
        $m{"worker_$rate"} = median(map { $_->{worker} } @r);
        $m{"p50_$rate"} = median(map { $_->{latency_us}{p50} / 1000 } @r);
        $m{"p99_$rate"} = median(map { $_->{latency_us}{p99} / 1000 } @r);
    }

    my @peak = grep { defined } @{$result->{peak} // []};

    $m{peak} = median(map { $_->{delivered} } @peak);
    $m{peak_p99} = median(map { $_->{latency_us}{p99} / 1000 } @peak);
    $m{memory} = median(@{$result->{memory} // []});
    $m{connect_us} = median(@{$result->{connect_us} // []});

    return \%m;
}


# The table: what it prints, and how.

my @columns = (
    [ 'cpu_10',     'us/event', 'at 10/s',   '%.2f' ],
    [ 'cpu_100',    'us/event', 'at 100/s',  '%.2f' ],
    [ 'worker_100', 'worker',   'only',      '%.2f' ],
    [ 'p50_100',    'p50 ms',   'at 100/s',  '%.2f' ],
    [ 'p99_100',    'p99 ms',   'at 100/s',  '%.2f' ],
    [ 'peak',       'most',     'events/s',  'commas' ],
    [ 'peak_p99',   'p99 ms',   'then',      '%.0f' ],
    [ 'memory',     'bytes per', 'stream',   'commas' ],
    [ 'connect_us', 'us per',   'connect',   '%.1f' ],
);


sub report ($results) {
    my @done = grep { $results->{$_->{name}}{median} } @rows;

    say commas($streams), " streams, $size-byte records, plain HTTP/1.1; ",
        "worker on core $server_core, all else on $other_cores.";
    say 'us/event: CPU of worker and companion.  Latency begins when a record ',
        "was due;\nours goes by Kafka, Redis and the ring, nchan's by a POST, ",
        "the floor's by a pipe.\n";

    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);

    for my $row (@done) {
        my $m = $results->{$row->{name}}{median};
        line($row->{name}, map { cell($_->[3], $m->{$_->[0]}) } @columns);
    }

    my ($ours) = grep { $_->{name} =~ /ours/ } @done;
    my $m = $ours && $results->{$ours->{name}}{median};

    if ($m) {
        say "\nours as a multiple of";

        for my $row (grep { $_ != $ours } @done) {
            say_ratio("  $row->{name}", $m, $results->{$row->{name}}{median},
                      map { $_->[0] } @columns);
        }
    }

    for my $row (@done) {
        say "\n$row->{name}:";
        say $results->{$row->{name}}{conf} =~ s/^/    /mgr =~ s/\n+\z//r;
    }
}


# The part, as all of them: new, measure (each round), finish (prints, and
# returns what goes into the JSON).

sub new ($class) {
    $rows[$_]{place} = $_ for 0 .. $#rows;
    @rows = grep { $_->{name} =~ /$ENV{ROWS}/ } @rows if defined $ENV{ROWS};
    die "bench: no such row\n" if !@rows;

    return bless { results => { map { $_->{name} => { name => $_->{name} } }
                                @rows } }, $class;
}


sub measure ($self) {
    for my $row (@rows) {
        my $result = $self->{results}{$row->{name}};
        next if $result->{skipped};

        if (!eval { row_measure($row, $result); 1 }) {
            $result->{skipped} = $@ =~ s/\n.*//sr;
            wrong("$row->{name}: $@");
        }

        servers_stop();
    }

    push @rows, shift @rows;            # another one begins the next round
}


sub finish ($self) {
    @rows = sort { $a->{place} <=> $b->{place} } @rows;

    for my $result (values %{$self->{results}}) {
        $result->{median} = row_median($result) if $result->{at_10};
    }

    report($self->{results});

    return { streams => $streams, rows => [ map { $self->{results}{$_->{name}} }
                                            @rows ] };
}


1;
