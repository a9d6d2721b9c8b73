package Bench::Row;

# Who is compared: servers that bring the same records to the same streams, each
# fed in its own way, and what can be asked of each: a rate, and the most that
# goes.

use v5.36;

use Exporter 'import';
use List::Util qw(sum0);
use Time::HiRes qw(sleep);
use KafkaSSE::Rig qw(unique);
use Bench::Rig;

our @EXPORT = qw(rows chosen $loop $gather $ours $direct $nchan);

our $loop   = 'floor: one send each';
our $gather = 'floor: gathering';
our $ours   = 'ngx_kafka_sse (ours)';
our $direct = 'ours, directly';
our $nchan  = 'nchan, memory';


# Each starts a server with room for so many streams, and returns { port, uri,
# main => pid, pids => { worker => pid, ... }, feed, conf => text }.

my %start = (
    $loop    => sub ($n, %) { floor('one') },
    $gather  => sub ($n, %) { floor('gather') },
    $ours    => sub ($n, %opt) { fed($n, %opt) },
    $direct  => sub ($n, %opt) { fed($n, %opt, redis => 'off') },
    $nchan   => sub ($n, %) { nchan($n, '') },
    'nchan, Redis' => sub ($n, %) { nchan($n, 'redis') },
);

my @order = ($loop, $gather, $ours, $direct, $nchan, 'nchan, Redis');


# A node of ours with a topic and a feed of its own.

sub fed ($streams, %opt) {
    my $topic = unique('bench');
    my $feed = kafka_feed($topic);

    redis()->start if !$opt{redis} && !redis()->pid;

    my $node = ours(streams => $streams, topic => $topic,
                    brokers => $feed->{brokers}, %opt);
    $node->{feed} = $feed;

    return $node;
}


sub rows (@names) {
    return map { bless { name => $_, start => $start{$_} } } @names;
}


# Of these, or of all, those that ROWS names.

sub chosen (@names) {
    @names = @order if !@names;
    @names = grep { /$ENV{ROWS}/ } @names if defined $ENV{ROWS};
    die "no such row\n" if !@names;

    return rows(@names);
}


# Another one begins the next round.

sub turn ($rows) { push @$rows, shift @$rows }


# Starts its server, with its streams connected and a record through it.

sub start ($self, $streams, %opt) {
    my $server = $self->{server} = $self->{start}->($streams, %opt);

    $self->{streams} = $streams;
    $self->{opt} = \%opt;
    $self->{conf} //= $server->{conf};

    my $loads = $opt{loads} // 1;
    loads_start($server, $loads, %{$server->{pids}});

    # one stream and one record first: what only the first one costs, and
    # what a server is not ready for yet, belongs to nobody's figures

    connect_streams($server, $loads);
    warm_up($server);

    my $n = $streams - $loads;
    my $before = $self->memory;
    my $connect = connect_streams($server, $n);
    sleep 0.5;
    my $after = $self->memory;

    warm_up($server);

    $self->{connect_us} = $connect->{cpu_us}{worker} / $n;
    $self->{memory} = ($after - $before) / $n;
}


# Of all its workers.

sub memory ($self) {
    my $m = talk($self->{server}{load}, 'memory');
    return sum0(map { $m->{$_} } grep { /^worker/ } keys %$m);
}


sub stop ($self) {
    server_stop($self->{server});
}


sub again ($self) {
    $self->stop;
    $self->start($self->{streams}, %{$self->{opt}});
}


# A rate, and whether everything came.

sub at ($self, $rate, $seconds, $patience) {
    my $r = phase($self->{server}, $rate, $seconds, $patience);

    $r->{streams} = $self->{streams};
    $r->{why} = complaint($r);
    $self->report($r);

    return $r;
}


# Whether it was only too much: nothing wrong came.

sub overloaded ($r) {
    return $r->{why} && !grep { $r->{$_} } qw(lost repeated bad stale events
                                              failed refused);
}


# Most delivered per second with p99 <= 250 ms: the rate is doubled until
# something is not delivered in time, twice, as once may be somebody else's
# doing; then the middle between what went and what did not, until they are so
# close.  Where even the first rate is too much, it is halved.  Delivered is all
# records over the time from the first one's due to the last one's arrival.

sub ramp ($self, $rate, $step, $close = 1.1) {
    my $more = $quick ? 4 : 2;
    my ($good, $bad, $best);

    for my $left (reverse 0 .. ($quick ? 2 : 16)) {
        my $ok = $self->keeps_up($rate, $step, \$best)
                 || !$bad && !$quick && $self->keeps_up($rate, $step, \$best);

        ($ok ? $good : $bad) = $rate;

        last if !$left || $bad && $good && ($quick || $bad / $good < $close);

        $rate = !$bad  ? $rate * $more
              : !$good ? $rate / $more
              :          sqrt($good * $bad);
    }

    return $best;
}


# Whether this rate is delivered.  If not, the next one has a new server.

sub keeps_up ($self, $rate, $step, $best) {
    my $r = phase($self->{server}, $rate, $step, 1.5);
    my $why = complaint($r);

    wrong("$self->{name}, $rate/s: $why") if $r->{bad} || $r->{repeated};

    $why //= 'late' if $r->{latency_us}{p99} > 250_000;
    $r->{streams} = $self->{streams};
    $self->report($r, $why);

    if ($why) {
        $self->again;
        return 0;
    }

    $$best = $r if !$$best || $r->{delivered} > $$best->{delivered};

    return 1;
}


sub report ($self, $r, $why = $r->{why}) {
    printf "  %-22s %7s x %7s/s: %9s events, %6.2f us each, p99 %8.2f ms, "
         . "%s/s%s%s\n", $self->{name}, commas($self->{streams}),
        commas($r->{rate}), commas($r->{received}), $r->{cpu},
        $r->{latency_us}{p99} / 1000, commas($r->{delivered}),
        $why ? "  -- $why" : '', say_others($r->{others});
}


1;
