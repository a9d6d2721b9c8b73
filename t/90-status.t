# "kafka_sse_status" tells the truth, as JSON and to Prometheus.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('status', partitions => 3);
my $absent = unique('absent');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 2,
    cluster_name => 'a"b\\\\c', server => <<"END")->start;
location /s { kafka_sse $topic; }
location /absent { kafka_sse $absent; }
location /status { kafka_sse_status json; }
location /metrics { kafka_sse_status prometheus; }
location /default { kafka_sse_status; }
END

$node->ready([ $topic ]);

my $r = $node->get('/status');
is($r->{status}, 200, 'status is 200');
like($r->{headers}{'content-type'}, qr{^application/json}, '... JSON');
is($r->{headers}{'cache-control'}, 'no-store', '... that nobody caches');
ok($node->status('/default'), '... also without an argument');
is($node->get('/status', method => 'HEAD')->{body}, '', 'HEAD has no body');
is($node->get('/status', method => 'POST')->{status}, 405, 'POST is refused');


# Waits until status says so: counters of other processes take a moment.

sub says ($name, $condition) {
    my $status;
    my $ok = eval {
        wait_for(10, $name, sub {
            $status = $node->status;
            local $_ = $status;
            $status && $condition->($status);
        }, 0.05);
    };

    ok($ok, $name) or diag(JSON::PP->new->canonical->pretty->encode($status));
    return $status;
}

# Prometheus' text format 0.0.4, strictly: { name => { type, help, samples =>
# { labels => value } } }, where labels are sorted and joined.

sub metrics ($text) {
    my (%metrics, $now, %done);

    $text =~ /\n\z/ or die "the last line has no end\n";

    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/) {
            die "$1 comes twice\n" if $metrics{$1};
            $now = $1;
            $metrics{$now} = { help => $2, samples => {} };
            next;
        }

        if ($line =~ /^# TYPE (\S+) (counter|gauge)$/) {
            die "TYPE without HELP: $line\n" if $1 ne ($now // '');
            die "TYPE comes twice: $line\n" if $metrics{$now}{type};
            die "TYPE behind a sample\n" if %{$metrics{$now}{samples}};
            $metrics{$now}{type} = $2;
            next;
        }

        $line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)/gc or die "no metric: $line\n";
        my $name = $1;
        my (@labels, %seen);

        die "$name is not in one piece\n" if $name ne ($now // '');
        die "$name has no type\n" if !$metrics{$name}{type};

        if ($line =~ /\G\{/gc) {
            do {
                $line =~ /\G([a-zA-Z_][a-zA-Z0-9_]*)=
                          "((?:[^"\\]|\\[\\"n])*)"/gcx
                    or die "no label: $line\n";
                my ($label, $value) = ($1, $2);
                die "label $label twice: $line\n" if $seen{$label}++;
                $value =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ge;
                push @labels, "$label=$value";
            } while $line =~ /\G,/gc;

            $line =~ /\G\}/gc or die "no end of labels: $line\n";
        }

        $line =~ /\G (-?[0-9]+(?:\.[0-9]+)?)\z/ or die "no value: $line\n";

        my $labels = join ' ', sort @labels;
        die "twice: $line\n" if defined $metrics{$name}{samples}{$labels};
        $metrics{$name}{samples}{$labels} = $1;
    }

    return \%metrics;
}

sub metrics_now {
    my $metrics = eval { metrics($node->get('/metrics')->{body}) };
    diag($@) if !$metrics;
    return $metrics;
}

# the value of one sample, or undef

sub metric ($name, %labels) {
    return metrics_now()->{"kafka_sse_$name"}{samples}{
        join ' ', sort map { "$_=$labels{$_}" } keys %labels };
}

sub partitions ($status) {
    my ($t) = grep { $_->{topic} eq $topic } @{$status->{topics}};
    return @{$t->{partitions}};
}


my @sse = map { $node->sse('/s') } 1 .. 5;
$_->wait_position for @sse;

says('open streams are counted', sub { $_->{streams}{open} == 5 });
says('... of each worker', sub {
    my $n = 0;
    $n += $_->{streams} for @{$_->{streams}{workers}};
    $n == 5 && @{$_->{streams}{workers}} == 2;
});

$kafka->fill($topic, n => 90);
$_->wait_records(90) for @sse;

says('positions are the ends of the partitions', sub {
    join(' ', map { $_->{position} } partitions($_)) eq '30 30 30';
});
says('... with no lag', sub {
    join(' ', map { $_->{lag} // 'null' } partitions($_)) eq '0 0 0';
});
says('records are counted', sub {
    join(' ', map { $_->{records} } partitions($_)) eq '30 30 30';
});
says('nothing is missing, nothing has moved', sub ($now) {
    join(' ', map { $_->{gaps}, $_->{records_repaired} } partitions($now))
        eq '0 0 0 0 0 0'
        && join(' ', map { $now->{streams}{"moves_$_"} }
                         qw(expired truncated recreated)) eq '0 0 0'
        && $now->{redis}{kafka_alone_seconds} =~ /^\d+$/;
});
says('a topic that is absent is called so', sub {
    my ($t) = grep { $_->{topic} eq $absent } @{$_->{topics}};
    $t->{state} eq 'absent';
});
says('the ring is used', sub {
    $_->{ring}{used} > 0 && $_->{ring}{size} > $_->{ring}{used};
});
says('Redis is connected', sub {
    $_->{redis}{state} eq 'connected' && $_->{redis}{subscribed}
        && $_->{redis}{envelopes_received} > 0;
});
says('Kafka is connected, the group joined', sub {
    my ($c) = @{$_->{clusters}};
    $c->{cluster} eq 'a"b\\c' && $c->{state} eq 'connected'
        && $c->{group} eq 'joined' && $c->{partitions_assigned} == 3
        && $c->{records_consumed} == 90;
});


# ---- the same for Prometheus

{
    my $r = $node->get('/metrics');

    is($r->{status}, 200, 'Prometheus: status is 200');
    is($r->{headers}{'content-type'},
       'text/plain; version=0.0.4; charset=utf-8', '... its content type');
    is($r->{headers}{'cache-control'}, 'no-store', '... that nobody caches');
    is($r->{headers}{'content-length'}, length $r->{body}, '... with length');
    is($node->get('/metrics', method => 'HEAD')->{body}, '',
       '... HEAD has no body');
    is($node->get('/metrics', method => 'POST')->{status}, 405,
       '... POST is refused');

    my $metrics = eval { metrics($r->{body}) };
    ok($metrics, 'a strict parser takes it') or diag($@, $r->{body});

    is_deeply([ grep { !/^kafka_sse_[a-z0-9_]+$/ } sort keys %$metrics ], [],
              '... all names begin with kafka_sse_');
    is_deeply([ grep { (/_total$/ ? 'counter' : 'gauge')
                       ne $metrics->{$_}{type} } sort keys %$metrics ], [],
              '... counters, and nothing else, end in _total');

    # JSON and Prometheus are of the same facts

    my %cluster = (cluster => 'a"b\\c');
    my @labels = (%cluster, topic => $topic);
    my $status = $node->status;
    my ($t) = grep { $_->{topic} eq $topic } @{$status->{topics}};
    my ($c) = @{$status->{clusters}};

    my %same = (
        companion_pid => $status->{companion}{pid},
        companion_alive => 1,
        companion_restarts_total => 0,
        redis_subscribed => 1,
        redis_reconnects_total => $status->{redis}{reconnects},
        redis_envelopes_bad_total => 0,
        ring_size_bytes => $status->{ring}{size},
        ring_written_bytes_total => $status->{ring}{written},
        ring_records_too_large_total => 0,
        streams_open => 5,
        streams_opened_total => $status->{streams}{opened},
        streams_laps_total => 0,
    );

    is(metric($_), $same{$_}, "kafka_sse_$_ is as in JSON")
        for sort keys %same;

    is(metric('cluster_records_consumed_total', %cluster), 90,
       'a cluster is a label, and escaped');
    is(metric('cluster_group', %cluster, group => 'joined'), 1,
       'a text is a label');
    is(metric('redis_state', state => 'connected'), 1, '... of Redis, too');
    is(metric('redis_info', address => $status->{redis}{address}), 1,
       '... and where it is');
    is(metric('topic_state', %cluster, topic => $absent, state => 'absent'), 1,
       '... of a topic, too');

    for my $p (0 .. 2) {
        my @at = (@labels, partition => $p);
        is(metric("partition_records_total", @at), 30, "records of $p");
        is(metric("partition_position", @at), 30, "... position");
        is(metric("partition_lag", @at), 0, "... lag");
        is(metric("partition_source", @at,
                  source => $t->{partitions}[$p]{source}), 1, "... source");
    }

    is(scalar keys %{metrics_now()->{kafka_sse_worker_streams}{samples}}, 2,
       'each worker has a sample');
    is(metric('streams_closed_total', reason => $_), 0, "no stream ended: $_")
        for qw(client drain slow limit error expired);

    # no fact is in one of them only

    my $n = 0;
    my $count = sub ($count, $value) {
        $n++, return if ref $value ne 'HASH' && ref $value ne 'ARRAY';
        $count->($count, $_)
            for ref $value eq 'HASH' ? values %$value : @$value;
    };
    $count->($count, $status);

    # labels: a cluster's name, those of two topics, numbers of 3 partitions,
    # pids of 2 workers; words, for who reads: what a cluster is denied

    my $samples = 0;
    $samples += keys %{$_->{samples}} for values %{metrics_now()};
    is($samples, $n - 1 - 4 - 3 - 2 - 1, 'all that JSON has, Prometheus has');
}


# ---- streams come and go

$sse[$_]->close for 0, 1;
says('a client that left is counted', sub {
    $_->{streams}{open} == 3 && $_->{streams}{closed}{client} == 2;
});
is(metric('streams_closed_total', reason => 'client'), 2,
   '... for Prometheus, too');

my $again = $node->sse('/s', last_event_id => $sse[2]->last_id);
$again->wait_position;
says('a resume is counted', sub { $_->{streams}{resumed} == 1 });

my $lost = $node->sse('/s', last_event_id => 'nonsense');
$lost->wait_events(1);
says('a reset is counted', sub { $_->{streams}{resets} == 1 });


# ---- the companion

my $pid = $node->companion;
my $before = says('the companion is named', sub {
    $_->{companion}{pid} == $pid && $_->{companion}{restarts} == 0;
});

$node->kill_process($pid);

says('... the next one, too', sub {
    $_->{companion}{pid} == ($node->companions)[0]
        && $_->{companion}{pid} != $pid && $_->{companion}{restarts} == 1;
});

$node->reload;
wait_for(10, 'one companion', sub { ($node->companions) == 1 });
says('a reload is no restart', sub { $_->{companion}{restarts} == 1 });
says('a worker that left has no row', sub {
    my %now = map { $_ => 1 } $node->workers;
    !grep { !$now{$_->{pid}} } @{$_->{streams}{workers}};
});


# ---- Redis goes away

says('the new companion is connected, too', sub {
    $_->{companion}{pid} == ($node->companions)[0]
        && $_->{redis}{state} eq 'connected' && $_->{redis}{subscribed};
});

$redis->kill;
says('Redis that is away is called so', sub {
    $_->{redis}{state} eq 'disconnected';
});
$redis->start;
says('... and back', sub {
    $_->{redis}{state} eq 'connected' && $_->{redis}{reconnects} > 0;
});

finish;
