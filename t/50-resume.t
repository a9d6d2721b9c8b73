# A stream that comes back with an id gets what it has missed, exactly; what
# cannot be had any more is told.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $topic = $kafka->topic('resume', partitions => 3);
my $second = $kafka->topic('second', partitions => 2);
my $small = $kafka->topic('small', partitions => 2);

my %fleet = (kafka => $kafka, redis => $redis,
             group => unique('resume'));

my $server = <<"END";
location = /s { kafka_sse $topic; kafka_sse_data envelope; }
location = /named { kafka_sse $topic; kafka_sse_data envelope;
                    kafka_sse_last_event_id \$arg_after \$http_x_after; }
location = /never { kafka_sse $topic; kafka_sse_last_event_id ""; }
location = /second { kafka_sse $second; kafka_sse_data envelope; }
location = /both { kafka_sse $topic $second; kafka_sse_data envelope; }
location = /swapped { kafka_sse $second $topic; kafka_sse_data envelope; }
location = /small { kafka_sse $small; kafka_sse_data envelope;
                    kafka_sse_slow lag=64m; kafka_sse_replay off; }
END

my $proxy = KafkaSSE::RedisProxy->new($redis);

my $node = KafkaSSE::Node->new(%fleet, workers => 2, server => $server)->start;
my $far = KafkaSSE::Node->new(%fleet, redis => $proxy, server => $server)
          ->start;

$node->ready([ $topic, $second, $small ], members => 2);


sub places (@events) {
    return map { "$_->{topic}/$_->{partition}:$_->{offset}" }
           map { json_decode($_->{data}) } @events;
}


# ---- inside of the ring: exactly what is missing

my $whole = $node->sse('/s')->wait_position;
my $begin = $whole->ids->[-1];

$kafka->fill($topic, n => 300);
$whole->wait_records(300);

my @events = $whole->records;

for my $at (0, 1, 150, 298, 299) {
    my $sse = $node->sse('/s', last_event_id => $events[$at]{id});
    $sse->wait_records(299 - $at);
    $sse->wait_position;

    is_deeply([ sort(places($sse->records)) ],
              [ sort(places(@events[$at + 1 .. 299])) ],
              "an id after event $at resumes with the " . (299 - $at)
              . ' that follow')
        or diag($sse->describe);
    is($sse->header('kafka-sse-resume'), 'exact', '... and says so');
    is_deeply($sse->faults, [], '... in a proper stream');
    $sse->close;
}

{
    my $sse = $node->sse('/s', last_event_id => $begin)->wait_records(300);
    is_deeply([ sort(places($sse->records)) ], [ sort(places(@events)) ],
              'a bare id resumes, too');

    my $query = $node->sse('/s?lastEventId=' . $events[100]{id})
                ->wait_records(199);
    is(scalar($query->records), 199, '?lastEventId= resumes');

    my $header = $node->sse('/s?lastEventId=' . $events[100]{id},
                            last_event_id => $events[200]{id})
                 ->wait_records(99);
    is(scalar($header->records), 99, 'the header wins over the argument');

    # a proxy may send an empty header; an argument may be encoded

    my $id = $events[100]{id};
    my $encoded = join '', map { sprintf '%%%02x', ord } split //, $id;
    my %same = (
        'an empty header leaves it to the argument'
            => $node->sse("/s?lastEventId=$id",
                          headers => { 'Last-Event-ID' => '' }),
        'an encoded argument is decoded'
            => $node->sse("/s?lastEventId=$encoded"),
        'the argument is where kafka_sse_last_event_id says'
            => $node->sse("/named?after=$id"),
        '... or in the next place'
            => $node->sse('/named?after=', headers => { 'X-After' => $id }),
        '... the first one wins'
            => $node->sse("/named?after=$id",
                          headers => { 'X-After' => $events[200]{id} }),
        '... and other places do not count'
            => $node->sse("/named?after=$id&lastEventId=$events[200]{id}",
                          last_event_id => $events[200]{id}),
    );

    for my $name (sort keys %same) {
        my $sse = $same{$name}->wait_records(199);
        is_deeply([ sort(places($sse->records)) ],
                  [ sort(places(@events[101 .. 299])) ], $name)
            or diag($sse->describe);
        $sse->close;
    }

    my $never = $node->sse('/never', last_event_id => $id)->wait_position;
    is($never->header('kafka-sse-resume'), 'fresh',
       'an empty value is no position');
    $never->close;

    # they stay streams like all others

    $kafka->fill($topic, n => 30);
    $sse->wait_records(330);
    $query->wait_records(229);
    $header->wait_records(129);

    for my $s ($sse, $query, $header) {
        my @ids = map { $_->{id} } $s->records;
        my @bad = grep { position_order($ids[$_ - 1], $ids[$_]) ne 'after' }
                  1 .. $#ids;
        is_deeply(\@bad, [], 'ids only ever advance');
        is($s->last_id, $header->last_id, 'and end at the same position');
    }
}


# ---- another node, which has them in another order

{
    $proxy->rules({ topic => $topic, partition => 1, delay => 2 });

    my $a = $node->sse('/s')->wait_position;
    my $b = $far->sse('/s')->wait_position;

    $kafka->fill($topic, n => 300);

    $a->wait_records(300);
    my $behind = 300 - $b->records;
    cmp_ok($behind, '>', 0, "the other node is $behind records behind");

    # from the node that has all to the one that lacks a partition, and back

    my $middle = ($a->records)[149];
    my $sse = $far->sse('/s', last_event_id => $middle->{id});
    $sse->wait_records(150);

    is_deeply([ sort(places($sse->records)) ],
              [ sort(places(($a->records)[150 .. 299])) ],
              'a node that is behind resumes exactly') or diag($sse->describe);

    my @ids = ($middle->{id}, map { $_->{id} } $sse->records);
    my @bad = grep { position_order($ids[$_ - 1], $ids[$_]) ne 'after' }
              1 .. $#ids;
    is_deeply(\@bad, [], 'no component of its id goes back')
        or diag(map { "$ids[$_]\n" } @bad);

    $b->wait_records(300);
    is($b->last_id, $a->last_id, 'both nodes end at the same position');

    $proxy->rules;
}

{
    # streams that lose their connection all the time and go to the other node

    my $swarm = KafkaSSE::Swarm->new(
        nodes => [ $node, $far ], path => '/both', streams => 20,
        expect => 5000, drop => 300, reconnect => 0.02, seconds => 50);

    $swarm->wait_for(20, 'all have a position', sub ($now) {
        $now->{positioned} == 20;
    });

    $proxy->rules({ topic => $topic, partition => 0, delay => 0.3 });
    $kafka->fill([ $topic, $second ], n => 5000, rate => 2500);

    my $report = $swarm->finish;
    $swarm->ok_clean($report, 'streams that hop between nodes get each record '
                              . 'once, in order', 'resets', 'other_status');
    is($report->{complete}, 20, '... and every record')
        or diag(json_encode({ %$report, each => undef }));
    cmp_ok($report->{dropped}, '>', 100, '... over many connections');
    is_deeply([ grep { $_->{digest} ne $report->{each}[0]{digest} }
                     @{$report->{each}} ], [], '... the same ones');
    $proxy->rules;
}


# ---- ids that are not ours

sub reset_of ($sse) {
    my ($reset) = grep { $_->{event} eq 'stream-reset' } @{$sse->events};
    return $reset ? json_decode($reset->{data}) : undef;
}

my $valid = $events[10]{id};
my ($body) = $valid =~ /^1\.(.*)/;

my %wrong = (
    'nonsense' => 'nonsense',
    'a number' => '42',
    'no version' => $body,
    'version 2' => "2.$body",
    'cut' => substr($valid, 0, -1),
    'cut by two' => substr($valid, 0, -2),
    'longer' => "${valid}AAAA",
    'padding' => "$valid==",
    'another alphabet' => '1.+/+/',
    'white space' => "1.$body " . 'x',
    'letters beyond ASCII' => "1.\xc3\xa9",
    'huge' => '1.' . 'A' x 6000,
    'zero partitions' => '1.AAAAAAA',
    'a varint without end' => '1.AAAAAAH_____________',
);

{
    # what is decoded does not get into the log as lines of its own

    my $sse = $node->sse('/s?lastEventId=1.A%0a2026%2f11%2f22%20forged%00')
              ->wait_position;
    is($sse->header('kafka-sse-resume'), 'reset',
       'an argument with control characters is unknown');
    is_deeply([ $node->log_lines(qr/^2026\S* forged/) ], [],
              '... and makes no line in the log');
    $sse->close;
}

for my $name (sort keys %wrong) {
    my $sse = $node->sse('/s', last_event_id => $wrong{$name});

    eval {
        $sse->wait_for(5, "$name: a stream-reset", sub {
            $sse->ended || reset_of($sse);
        });
    };

    my $reset = reset_of($sse) // [];
    my %reasons = map { $_->{reason} => 1 } @$reset;

    is($sse->status, 200, "$name: a stream, not an error");
    is(join(',', keys %reasons), 'unknown-id', "... which says unknown-id")
        or diag($sse->describe);
    is(scalar(grep { $_->{event} eq 'stream-reset' } @{$sse->events}), 1,
       '... once');
    ok(position($sse->last_id), '... and has a new position');
    is($sse->header('kafka-sse-resume'), 'reset', '... and says so')
        or diag($sse->{raw_headers});
    $sse->close;
}

{
    my $sse = $node->sse('/second', last_event_id => $valid);
    $sse->wait_for(10, 'a stream-reset', sub { reset_of($sse) });
    is(reset_of($sse)->[0]{reason}, 'unknown-id',
       "another topic's id is unknown");

    $kafka->fill($second, n => 10);
    $sse->wait_records(10);
    pass('after a reset the stream is live');
}

{
    # an id that was written before any topic was known

    my $sse = $node->sse('/s', last_event_id => '1.')->wait_position;
    is(reset_of($sse), undef, 'an id without topics is no reset')
        or diag($sse->describe);
}

{
    # an id of one of two topics: the other one is new to the stream

    my $sse = $node->sse('/both', last_event_id => $events[-1]{id});
    $sse->wait_position;
    is(reset_of($sse), undef, 'a topic that is new to a stream is no reset')
        or diag($sse->describe);
    is(scalar @{position($sse->last_id)}, 2, '... and enters its position');

    # the order of topics in the configuration does not matter

    my $swapped = $node->sse('/swapped', last_event_id => $sse->last_id);
    $swapped->wait_position;
    is(reset_of($swapped), undef,
       'an id does not depend on the order of topics')
        or diag($swapped->describe);
}


# ---- beyond the ring, where Kafka is not to be asked

{
    my $ring = KafkaSSE::Node->new(
        %fleet, group => unique('small'), zone => '1m',
        server => $server)->start;
    $ring->ready([ $topic, $second, $small ]);

    my $sse = $ring->sse('/small')->wait_position;
    $kafka->fill($small, n => 10);
    $sse->wait_records(10);
    my $old = $sse->last_id;
    $sse->close;

    my $live = $ring->sse('/small')->wait_position;
    $kafka->fill($small, n => 3000, size => 1000, rate => 1500);
    $live->wait_records(3000, 20);

    my $late = $ring->sse('/small', last_event_id => $old);
    $late->wait_for(10, 'a stream-reset', sub { reset_of($late) });

    my $reset = reset_of($late);
    is($late->events->[0]{event}, 'stream-reset',
       'what the ring has lost is told first') or diag($late->describe);

    my ($tag, @next) = @{position($old)->[0]};
    my %from = map { $_ => $next[$_] } 0 .. $#next;

    for my $range (sort { $a->{partition} <=> $b->{partition} } @$reset) {
        is($range->{topic}, $small, 'a range names its topic');
        is($range->{from}, $from{$range->{partition}},
           '... begins where the client was');
        cmp_ok($range->{to}, '>', $range->{from}, '... and ends later');
    }

    # lost and received together are everything, without a gap

    $kafka->fill($small, n => 20);
    $late->wait_for(10, 'the rest', sub {
        my @places = places($late->records);
        my %to = map { $_->{partition} => $_->{to} } @$reset;
        my $ends = $kafka->offsets($small)->{$small};
        my $want = 0;
        $want += $ends->[$_]{stable} - ($to{$_} // $from{$_}) for 0 .. 1;
        @places >= $want;
    });

    my %seen;
    push @{$seen{$_->{partition}}}, $_->{offset}
        for $late->records(envelope => 1);

    for my $range (@$reset) {
        my @got = @{$seen{$range->{partition}}};
        is($got[0], $range->{to}, 'the stream goes on where the range ends');
        is($got[-1] - $got[0] + 1, scalar @got, '... without a gap');
    }
}

finish;
