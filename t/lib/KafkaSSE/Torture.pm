package KafkaSSE::Torture;

# What the rows of the torture test (t/60-torture-*.t) have in common: nodes
# of one fleet on two topics of 12 partitions, producers, clients that come,
# go and are cut, phases in which something dies, and a verdict.
#
#     my $rig = KafkaSSE::Torture->new;
#     my $hoppers = $rig->clients('hoppers', hop => 1, cut => 50_000);
#     $rig->produce;
#     $rig->rounds(5, sub ($n) {
#         $rig->phase("kill $n");
#         ...
#     });
#     $rig->verdict;
#     $rig->silent('hoppers', qr/^kill/, all => 3000);
#
# The first topic gets records at a steady rate and is where silence is
# measured.  The second gets bursts and transactions, a third of which is
# aborted; with compact => 1 it is compacted.
#
# KAFKA_SSE_TORTURE ("make torture") is how many seconds of rounds a file has;
# without it each row has a few rounds.  KAFKA_SSE_TORTURE_CLIENTS, of one kind,
# and KAFKA_SSE_TORTURE_RATE, records a second of the steady topic, are for a
# larger machine.

use v5.36;

use POSIX 'strftime';
use Test::More ();
use Time::HiRes qw(time sleep);
use KafkaSSE::Kafka;
use KafkaSSE::Node;
use KafkaSSE::Redis;
use KafkaSSE::RedisProxy;
use KafkaSSE::Rig qw(unique wait_for slow slurp json_encode);
use KafkaSSE::Swarm;
use KafkaSSE::Truth;


sub long { $ENV{KAFKA_SSE_TORTURE} // 0 }

# how many clients of a kind, and records a second

sub many ($self, $short, $long) {
    return $ENV{KAFKA_SSE_TORTURE_CLIENTS} || (long() ? $long : $short);
}

sub rate ($self, $short, $long) {
    return $ENV{KAFKA_SSE_TORTURE_RATE} || (long() ? $long : $short);
}


# Options: kafka, redis, workers, zone, location (more lines of it), http,
# connections, proxies => 1 (between each node and Redis), compact, module (of
# all nodes)

sub new ($class, %opt) {
    my $kafka = $opt{kafka} // KafkaSSE::Kafka->shared;
    my $redis = $opt{redis} // KafkaSSE::Redis->new;

    my %config = $opt{compact} ? (
        'cleanup.policy' => 'compact', 'segment.ms' => 1000,
        'min.cleanable.dirty.ratio' => '0.01', 'delete.retention.ms' => 100,
        'min.compaction.lag.ms' => 0, 'max.compaction.lag.ms' => 1000,
    ) : ();

    my @topics = (
        $kafka->topic('steady', partitions => 12),
        $kafka->topic('bursty', partitions => 12, config => \%config),
    );

    my @proxies = $opt{proxies}
                  ? map { KafkaSSE::RedisProxy->new($redis) } 0, 1 : ();

    my $location = $opt{location} // '';

    my %fleet = (
        kafka => $kafka, group => unique('torture'), workers => 2,
        zone => '64m', connections => 2048,
        cluster => 'property session.timeout.ms 10000;',
        (map { defined $opt{$_} ? ($_ => $opt{$_}) : () }
             qw(workers zone http connections module shutdown_timeout level)),
        server => <<"END");
kafka_sse_retry 500ms;
location /all { kafka_sse @topics; kafka_sse_data envelope; $location }
location /status { kafka_sse_status json; }
END

    my @nodes = map {
        KafkaSSE::Node->new(%fleet, redis => $proxies[$_] // $redis)->start
    } 0, 1;

    my $self = bless {
        kafka => $kafka, redis => $redis, topics => \@topics,
        proxies => \@proxies, nodes => \@nodes, swarms => {}, phases => [],
        producers => [], reports => {}, fleet => \%fleet,
        loose => $opt{compact} ? { $topics[1] => 1 } : {},
    }, $class;

    $self->ready;

    # the owner of a partition is the only one who reads Kafka, and this is
    # where the test begins

    $self->wait_source('redis');

    return $self;
}


sub kafka ($self)   { $self->{kafka} }
sub redis ($self)   { $self->{redis} }
sub topics ($self)  { @{$self->{topics}} }
sub nodes ($self)   { @{$self->{nodes}} }
sub proxies ($self) { @{$self->{proxies}} }
sub report ($self, $name) { $self->{reports}{$name} }


# What these clients do not need to have: all below, as of Kafka->offsets.

sub begins ($self, $name, $offsets) {
    for my $topic (keys %$offsets) {
        $self->{begins}{$name}{"$topic/$_"} = $offsets->{$topic}[$_]{stable}
            for 0 .. $#{$offsets->{$topic}};
    }
}


# records of this topic may be gone when they are counted

sub forgets ($self, $topic) { $self->{loose}{$topic} = 1 }


sub ready ($self, $members = 2) {
    my ($node) = grep { $_->procs } $self->nodes;
    return $node->ready($self->{topics}, members => $members, seconds => 40);
}


# ---- what nodes say of themselves

sub partitions ($self, $node) {
    my $status = $node->status or return;
    return map { @{$_->{partitions}} } @{$status->{topics}};
}

# a counter of all partitions

sub sum ($self, $node, $name) {
    my $n = 0;
    $n += $_->{$name} for $self->partitions($node);
    return $n;
}

sub gaps ($self, $node) { $self->sum($node, 'gaps') }

# "kafka", "redis", or both of them

sub source ($self, $node) {
    my %source = map { $_->{source} => 1 } $self->partitions($node);
    return join ' ', sort keys %source;
}

sub wait_source ($self, $want, %opt) {
    my @nodes = @{$opt{nodes} // $self->{nodes}};
    my %is;

    return eval {
        wait_for($opt{seconds} // 20, "all partitions are read from $want", sub {
            $is{$_->{name}} = $self->source($_) for @nodes;
            !grep { $is{$_->{name}} ne $want } @nodes;
        }, 0.05);
    } || do { Test::More::diag($@, json_encode(\%is)); 0 };
}


# ---- clients

# Options: streams, nodes, hop (seconds in the mean), cut (bytes in the mean),
# retry_max (seconds), ids (that they begin with)

sub clients ($self, $name, %opt) {
    my $swarm = KafkaSSE::Swarm->new(
        nodes => $opt{nodes} // $self->{nodes}, path => '/all',
        streams => $opt{streams} // 20, commands => 1,
        seconds => 120 + 2 * long(), linger => 500,
        measured => $self->{topics}[0], seed => int rand 1e9,
        retry_max => 1000 * ($opt{retry_max} // 1),
        $opt{hop} ? (hop => int 1000 * $opt{hop}) : (),
        $opt{cut} ? (cut => $opt{cut}) : (),
        $opt{ids} ? (ids => $opt{ids}) : ());

    $self->{swarms}{$name} = $swarm;

    # Those who hop are not all there at one time; an id is for ever

    $swarm->wait_for(30, "$name have a position", sub ($now) {
        $now->{positioned} == $swarm->{streams};
    });

    return $swarm;
}


sub swarms ($self) { map { $self->{swarms}{$_} } sort keys %{$self->{swarms}} }


# From here on, what happens is called so.

sub phase ($self, $name) {
    push @{$self->{phases}}, { name => $name, begin => time };
    $_->tell("phase $name") for $self->swarms;
    $_->told for $self->swarms;
}


# Waits until each stream has, of each partition of the steady topic, something
# that was produced after now.

sub flows ($self, $what, $seconds = 20) {
    my $now = time * 1000;

    for my $name (sort keys %{$self->{swarms}}) {
        $self->{swarms}{$name}->wait_for(
            $seconds, "records flow to all $name, $what",
            sub ($is) { $is->{up_to} > $now });
    }
}


# Does something as often as this test has time for, a few times in make test.

sub rounds ($self, $few, $code, %opt) {
    my $end = time + long() * ($opt{share} // 1);
    my $n = 0;

    $code->(++$n) while $n < $few || time < $end;

    return $n;
}


# So long, but not to wait for anything: the time itself is the test.

sub pass ($self, $seconds) {
    my $end = time + $seconds;
    sleep 0.02 while time < $end;
}


# ---- producers

# Options: rate (of the steady topic; a second one has half of it in bursts,
# a fifth in transactions), txn => 0, bursty => 0, size

sub produce ($self, %opt) {
    my $rate = $opt{rate} // $self->rate(600, 800);
    my ($steady, $bursty) = $self->topics;

    # a request for each record would keep the broker busier than us

    my %size = (size => $opt{size} // 200,
                properties => { 'linger.ms' => 20 });

    my @with = (
        [ $steady, rate => $rate, keys => 1000, %size ],
        [ $bursty, rate => int $rate / 2, burst => int($rate / 5) || 1,
          keys => 300, start => 1_000_000_000, %size ],
    );

    pop @with if !($opt{bursty} // 1);

    push @with, [ $bursty, rate => int($rate / 5) || 1, each => 20, keys => 100,
                  start => 2_000_000_000, %size ]
        if $opt{txn} // $opt{bursty} // 1;

    push @{$self->{producers}},
         map { $self->{kafka}->filling(@$_) } @with;

    $self->flows('after the producers have begun');
}


# ---- the verdict

# Ends producers and clients; returns the truth, and of each kind of clients
# { name, swarm, report, faults => [ ... ] }.

sub judge ($self, %opt) {
    $self->phase('the end');

    my $made = 0;
    for my $producer (splice @{$self->{producers}}) {
        my $did = $producer->finish;
        $made += $did->{next} - $did->{first};
    }

    my $truth = KafkaSSE::Truth->new($self->{kafka}, $self->topics);
    my $last = $truth->last;
    my @judged;

    Test::More::note("$made records were produced, " . $truth->records
                     . ' are there to be had');

    for my $swarm ($self->swarms) {
        $swarm->tell((map { "until $_ $last->{$_}" } sort keys %$last),
                     'finish');
    }

    for my $name (sort keys %{$self->{swarms}}) {
        my $swarm = $self->{swarms}{$name};

        # a stream that lacks its end lacks records

        my $all = eval {
            wait_for($opt{seconds} // 20, 'all have the end', sub {
                $swarm->ended
                    || ($swarm->now->{complete} // 0) == $swarm->{streams};
            }, 0.1);
        };

        my $report = $swarm->finish(now => !$all);
        my @faults = $truth->compare($swarm, loose => $self->{loose},
                                     begins => $self->{begins}{$name});

        $report->{servers} = [ map { $_->{name} } @{$swarm->{nodes}} ];
        $self->{reports}{$name} = $report;
        push @judged, { name => $name, swarm => $swarm, report => $report,
                        faults => \@faults };
    }

    $self->{swarms} = {};

    return ($truth, @judged);
}


# Nothing lost, nothing twice, nothing out of order, for each client: tests.
# Options: but (what of t/tool/sse.c's report need not be zero), values => 0
# (streams have had others before, which are not there any more)

sub verdict ($self, %opt) {
    my ($truth, @judged) = $self->judge(%opt);

    for my $of (@judged) {
        my ($name, $swarm, $report) = @$of{qw(name swarm report)};

        Test::More::ok(!@{$of->{faults}} && !$report->{repeated}
                           && !$report->{disorder},
                       "$swarm->{streams} $name, " . $truth->records
                       . ' records: none lost, repeated, out of order')
            or $self->_explain($name, $swarm, $truth, @{$of->{faults}});

        # who has all offsets, and nothing was forgotten: the same bytes, too?

        if (!%{$self->{loose}} && !$self->{begins}{$name}
            && !@{$of->{faults}} && ($opt{values} // 1))
        {
            my @other = grep { $report->{each}[$_]{digest} ne $truth->digest }
                             0 .. $#{$report->{each}};
            Test::More::is("@other", '', "$name: values are Kafka's");
        }

        $swarm->ok_clean($report, "$name: proper streams, ids that advance, "
                                  . 'nothing to be told of',
                         'resets', map { "-$_" } @{$opt{but} // []})
            or $self->_explain($name, $swarm, $truth);

        Test::More::note(sprintf
            '%s: %d records, latency p50 %d, p99 %d, max %d ms; '
            . '%d connections, %d hops, %d cut by us, %d lost, %d refused, '
            . '%d of another status',
            $name, $report->{records}, @{$report->{latency}}{qw(p50 p99 max)},
            @$report{qw(connects hops dropped)},
            $report->{clean} + $report->{cut} + $report->{reset},
            @$report{qw(refused other_status)});
    }

    return $truth;
}


sub _clock ($ms) {
    return strftime('%H:%M:%S', localtime $ms / 1000)
           . sprintf '.%03d', $ms % 1000;
}


sub _phase_at ($self, $ms) {
    my ($phase) = grep { $_->{begin} * 1000 <= $ms } reverse @{$self->{phases}};
    return $phase ? "\"$phase->{name}\"" : 'the beginning';
}


# For whoever reads it at three in the morning: who lacks what, since when, in
# which phase, and where it should have come from.

sub _explain ($self, $name, $swarm, $truth, @faults) {
    my @nodes = map { "$_->{name} (port " . $_->port . ')' }
                @{$swarm->{nodes}};
    my (@events, %ends, @text);

    for my $line (split /\n/, slurp($swarm->journal)) {
        my ($ms, $stream, $connection, $addr, $what, $rest)
            = split ' ', $line, 6;

        if ($what eq 'end') {
            my ($how, $opened, $status, @parts) = split ' ', $rest;
            my %parts = map { /^(.*):(-?\d+)-(-?\d+)$/ ? ($1 => [ $2, $3 ]) : () }
                        @parts;
            push @{$ends{$stream}}, { how => $how, opened => $opened,
                                      closed => $ms, addr => $addr,
                                      status => $status, parts => \%parts };
            next;
        }

        push @events, sprintf '%s stream %d, connection %d to %s, in %s: %s %s',
                              _clock($ms), $stream, $connection, $nodes[$addr],
                              $self->_phase_at($ms), $what, $rest;
    }

    my %by;
    push @{$by{"$_->{what} $_->{partition}:$_->{first}-$_->{last}"}}, $_
        for @faults;

    my @keys = sort { $by{$a}[0]{partition} cmp $by{$b}[0]{partition}
                      || $by{$a}[0]{first} <=> $by{$b}[0]{first} } keys %by;

    push @text, sprintf '%d ranges of records are wrong at %d streams of "%s"',
                        scalar @keys,
                        scalar(keys %{{ map { $_->{stream} => 1 } @faults }}),
                        $name if @keys;

    splice @keys, 12 if @keys > 12;

    my $when = @keys ? $truth->produced(map { "$by{$_}[0]{partition}"
                                              . ":$by{$_}[0]{first}" } @keys)
                     : {};

    for my $key (@keys) {
        my @of = @{$by{$key}};
        my $f = $of[0];
        my $ms = $when->{"$f->{partition}:$f->{first}"};

        push @text, sprintf '%s (%d records), %s, by streams %s',
            $key, $f->{n},
            $ms ? 'produced ' . _clock($ms) . ' in ' . $self->_phase_at($ms)
                : 'not a committed record',
            join ' ', map { $_->{stream} } @of > 20 ? (@of)[0 .. 19] : @of;

        # connections of the first such stream about that place

        my @about;
        my $before;

        for my $end (@{$ends{$f->{stream}}}) {
            my $range = $end->{parts}{$f->{partition}} or next;
            push @about, $before if $before && $range->[1] > $f->{last};
            push @about, $end if $range->[1] > $f->{last};
            $before = $end;
            last if @about;
        }

        @about = ($before) if !@about && $before;

        push @text, map {
            sprintf '    stream %d had %d-%d of it from %s, %s to %s, ended by '
                    . '"%s"', $f->{stream}, @{$_->{parts}{$f->{partition}}},
                    $nodes[$_->{addr}], _clock($_->{opened}),
                    _clock($_->{closed}), $_->{how}
        } @about;
    }

    if (@events) {
        push @text, scalar(@events) . ' events, the first:';
        push @text, @events > 20 ? @events[0 .. 19] : @events;
    }

    Test::More::diag(join "\n", @text);
    Test::More::diag(join '', map { "errors of $_->{name}:\n" . $_->errors(20) }
                              $self->nodes);
}


# The latency of all of these clients in a phase: ( p50, p99 ), ms.

sub latency ($self, $name, $phase) {
    my ($p) = grep { $_->{name} eq $phase } @{$self->{reports}{$name}{phases}};
    return @$p{qw(p50 p99)};
}


# One test: in the phases of such names no stream was silent for longer, as
# ms.  who: "all", or those that have "lost" their connection or "kept" it.
# max undefined: only a note.  p50: what the half of them must not exceed.

sub silent ($self, $name, $phase, $who, $max, %opt) {
    my $report = $self->{reports}{$name} // die "no report of \"$name\"";
    my @worst;
    my $n = 0;

    for my $p (grep { $_->{name} =~ $phase } @{$report->{phases}}) {
        for my $stream (0 .. $#{$p->{each}}) {
            my ($ms, $cuts, $addr, $place) = @{$p->{each}[$stream]};

            next if $who eq 'lost' && !$cuts || $who eq 'kept' && $cuts;
            $n++;
            push @worst, [ $ms, $stream, $addr, $place, $p->{name} ];
        }
    }

    @worst = sort { $b->[0] <=> $a->[0] } @worst;

    my %says = (all => '', lost => ' that lost their connection',
                kept => ' that kept their connection');
    my $what = "$name$says{$who}: silent for ";
    my $worst = @worst ? $worst[0][0] : 0;

    if (!defined $max) {
        Test::More::note("$what$worst ms at most ($n)");
        return 1;
    }

    my $limit = $max * slow();
    my $p50 = @worst ? $worst[$#worst / 2][0] : 0;

    my $ok = Test::More::ok($worst <= $limit && $n
                                && $p50 <= ($opt{p50} // $max) * slow(),
                            "$what$limit ms at most"
                            . ($opt{p50} ? ", half of them $opt{p50} ms" : '')
                            . ($opt{why} ? ", $opt{why}" : ''));

    Test::More::note(sprintf '... %d ms, p50 of %d is %d ms', $worst, $n,
                     $p50);

    if (!$ok) {
        splice @worst, 10 if @worst > 10;
        my @nodes = @{$self->{nodes}};
        Test::More::diag(!$n ? 'there was no such stream' : map {
            sprintf "%d ms before %s in \"%s\", stream %d, which %s sent\n",
                    @$_[0, 3, 4, 1], $report->{servers}[$_->[2]]
        } @worst);
        Test::More::diag(map { "errors of $_->{name}:\n" . $_->errors(20) }
                         @nodes);
    }

    return $ok;
}


1;
