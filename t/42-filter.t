# A stream with a filter gets the records that it wants, all of them and no
# others, wherever they come from; what it does not want moves its position.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Link;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('filter', partitions => 2);
my $busy = $kafka->topic('busy');

my %fleet = (kafka => $kafka, redis => $redis, group => unique('filter'));

# name => [ directives, query, request headers, what is wanted ]; a record is
# what was produced, with its value decoded in json

my %case = (
    key => [ '$kafka_sse_key = k3', '', {}, sub { $_->{key} eq 'k3' } ],
    not_key => [ '$kafka_sse_key != k3', '', {}, sub { $_->{key} ne 'k3' } ],
    header => [ '$kafka_sse_header_tenant = t1', '', {},
                sub { $_->{headers}[0][1] eq 't1' } ],
    partition => [ '$kafka_sse_partition = 1', '', {},
                   sub { $_->{partition} == 1 } ],
    json => [ 'json:.type = refund', '', {},
              sub { ($_->{json}{type} // '') eq 'refund' } ],
    nested => [ 'json:.user.id = 2', '', {},
                sub { ($_->{json}{user}{id} // -1) == 2 } ],
    element => [ 'json:.tags[1] = odd', '', {},
                 sub { ($_->{json}{tags}[1] // '') eq 'odd' } ],
    boolean => [ 'json:.ok = true', '', {}, sub { $_->{json}{ok} } ],
    in => [ '$kafka_sse_key in k1 k4 k1', '', {},
            sub { $_->{key} =~ /^k[14]$/ } ],
    less => [ 'json:.price < 30', '', {},
              sub { defined $_->{json}{price} && $_->{json}{price} < 30 } ],
    more => [ 'json:.price >= 30', '', {},
              sub { defined $_->{json}{price} && $_->{json}{price} >= 30 } ],
    other => [ 'json:.type != visit', '', {},
               sub { ($_->{json}{type} // '') ne 'visit' } ],
    exists => [ 'json:.rare exists', '', {},
                sub { exists $_->{json}{rare} } ],
    match => [ 'json:.type ~ ^(re|vi)', '', {},
               sub { ($_->{json}{type} // '') =~ /^(?:re|vi)/ } ],
    two => [ "json:.type = order; kafka_sse_filter json:.user.id in 1 3", '',
             {}, sub { ($_->{json}{type} // '') eq 'order'
                       && $_->{json}{user}{id} =~ /^[13]$/ } ],
    cookie => [ '$kafka_sse_key = $cookie_who', '', { Cookie => 'who=k5' },
                sub { $_->{key} eq 'k5' } ],
    arg => [ '$kafka_sse_key = $arg_who', '?who=k6', {},
             sub { $_->{key} eq 'k6' } ],
    nothing => [ '$kafka_sse_key = nobody', '', {}, sub { 0 } ],
    all => [ '$kafka_sse_offset >= 0', '', {}, sub { 1 } ],
);

my $server = join '',
    "kafka_sse_heartbeat 300ms; kafka_sse_data envelope;\n",
    "location = /whole { kafka_sse $topic; }\n",
    "location = /status { kafka_sse_status; }\n",
    (map { "location = /$_ { kafka_sse $topic; "
           . "kafka_sse_filter $case{$_}[0]; }\n" } sort keys %case),
    <<"END";
location = /mine {
    kafka_sse $topic;
    kafka_sse_filter \$kafka_sse_key = \$arg_who;
}
location = /orders {
    kafka_sse $topic;
    kafka_sse_filter json:.type = order;
    kafka_sse_filter_args type=json:.type who=\$kafka_sse_key
                          user=json:.user.id;
}
location = /busy {
    kafka_sse $busy;
    kafka_sse_filter_args who=\$kafka_sse_key;
}
END

my $node = KafkaSSE::Node->new(%fleet, tls => 1, server => $server)->start;

$node->ready([ $topic, $busy ]);


# ---- what there is

my @type = qw(order refund visit);
my $n = 0;

sub record (%more) {
    my $i = $n++;

    return {
        topic => $topic, partition => $i % 2, key => 'k' . $i % 7,
        headers => [ [ 'Tenant', 't' . $i % 3 ] ],
        json => {
            n => $i, type => $type[$i % 3],
            user => { id => $i % 5, name => "user $i" },
            tags => [ 'all', $i % 4 > 1 ? 'odd' : 'even' ],
            price => $i * 1.5,
            ok => $i % 8 == 1 ? \1 : \0,
            $i % 10 == 4 ? (rare => { deep => [ $i ] }) : (),
        },
        %more,
    };
}

sub produce (@records) {
    for my $r (@records) {
        $r->{value} //= json_encode($r->{json}) if $r->{json};
        $r->{json}{ok} = ${$r->{json}{ok}} if $r->{json};
    }

    my @at = $kafka->produce(\@records);

    for my $i (0 .. $#records) {
        $records[$i]{place} = "$at[$i]{partition}:$at[$i]{offset}";
    }

    return @records;
}

sub places ($sse) {
    return sort map { my $e = json_decode($_->{data});
                      "$e->{partition}:$e->{offset}" } $sse->records;
}

sub wanted ($name, @records) {
    my $wants = $case{$name}[3];
    local $_;
    return sort map { $_->{place} } grep { $wants->() } @records;
}

sub stream ($node, $name, %opt) {
    my (undef, $query, $headers) = @{$case{$name}};
    return $node->sse("/$name$query", headers => $headers, %opt);
}

# a stream has all when it is where the node is: a heartbeat says so

sub wait_at ($id, @sse) {
    pump(20, 'all streams are where the node is', sub {
        !grep { $_->last_id ne $id } @sse;
    });
}


# ---- live, over each kind of connection

my $whole = $node->sse('/whole')->wait_position;
my $begin = $whole->ids->[-1];

my %live = map { $_ => stream($node, $_) } sort keys %case;
my %kind = ('HTTP/1.0' => stream($node, 'json', http => '1.0'),
            'HTTP/2' => stream($node, 'json', tls => 1, http => '2'),
            'TLS' => stream($node, 'json', tls => 1));

$_->wait_position for values %live, values %kind;

my @records = produce(map { record() } 1 .. 120);

$whole->wait_records(scalar @records);
wait_at($whole->last_id, values %live, values %kind);

for my $name (sort keys %case) {
    is_deeply([ places($live{$name}) ], [ wanted($name, @records) ],
              "$name: live, what is wanted and no more")
        or diag($live{$name}->describe);
    is_deeply($live{$name}->faults, [], '... in a proper stream');
}

for my $kind (sort keys %kind) {
    is_deeply([ places($kind{$kind}) ], [ wanted('json', @records) ],
              "$kind: the same");
    is_deeply($kind{$kind}->faults, [], '... in a proper stream');
}

is(scalar(grep { !(() = wanted($_, @records)) } keys %case), 1,
   'each case but one wants something');

{
    # the position of an event is the hub's, not that of what was sent

    my @id = map { $_->{id} } $live{json}->records;
    my %of = map { (json_decode($_->{data})->{partition} . ':'
                    . json_decode($_->{data})->{offset}) => $_->{id} }
                 $whole->records;

    is_deeply(\@id, [ map { my $e = json_decode($_->{data});
                            $of{"$e->{partition}:$e->{offset}"} }
                          $live{json}->records ],
              'an event has the id that it has for everybody');
}


# ---- heartbeats: who gets nothing is told how far it is

{
    my $nothing = $live{nothing};

    is(scalar $nothing->records, 0, 'a stream that matches nothing is silent');
    cmp_ok(@{$nothing->comments}, '>=', 2, '... but for its heartbeats');
    is($nothing->last_id, $whole->last_id, '... whose id has moved');

    my $at = $nothing->last_id;
    my @more = produce(map { record() } 1 .. 14);
    push @records, @more;

    my $back = stream($node, 'key', last_event_id => $at);
    $whole->wait_records(scalar @records);
    wait_at($whole->last_id, $back);

    is_deeply([ places($back) ], [ wanted('key', @more) ],
              'who resumes with it gets exactly what was wanted since');
    is($back->header('kafka-sse-resume'), 'exact', '... and is told so');

    # where there is no filter, a heartbeat has no id

    my $ids = @{$whole->ids};
    my $comments = @{$whole->comments};

    $whole->wait_for(5, 'a heartbeat', sub {
        @{$whole->comments} > $comments + 1;
    });

    is(scalar @{$whole->ids}, $ids,
       'a stream without a filter needs no id in its heartbeats');
}


# ---- resuming, in the ring

for my $name (sort keys %case) {
    my $sse = stream($node, $name, last_event_id => $begin);
    wait_at($whole->last_id, $sse);

    is_deeply([ places($sse) ], [ wanted($name, @records) ],
              "$name: from the ring, what is wanted and no more, each once")
        or diag($sse->describe);
    $sse->close;
}

$_->close for values %live, values %kind;


# ---- the companion has looked, so that no worker has to

{
    my $link = KafkaSSE::Link->new($node);
    my $replay = $link->open($topic, [ 0, 1 ], auto => 1_000_000);

    $link->wait(10, 'offsets', sub { $replay->{offsets} });
    $replay->read_all;
    $link->wait(10, 'the ends', sub { $replay->ended });

    for my $ask (@{$replay->{asks}}) {
        my ($last) = grep { $_->{partition} == $ask->{partition} }
                          reverse @records;
        my %fields;

        for (my $rest = $ask->{fields}; $rest ne ''; ) {
            my ($path, $type, $value) = unpack 'SSL', $rest;
            $fields{substr $rest, 8, $path} = substr $rest, 8 + $path, $value;
            substr $rest, 0, 8 + $path + $value, '';
        }

        is_deeply([ @fields{qw(.type .user.id .price)} ],
                  [ $last->{json}{type}, $last->{json}{user}{id},
                    0 + $last->{json}{price} ],
                  'the fields of a record go with it to the workers');
        is($fields{'.rare'}, '', '... as does that there is none');
    }

    $link->close;
}


# ---- and from Kafka: this node knows nothing of the past

{
    my $far = KafkaSSE::Node->new(
        %fleet, server => $server, http => 'kafka_sse_history records=1;')
        ->start;

    $far->ready([ $topic, $busy ], members => 2);

    my %sse = map { $_ => stream($far, $_, last_event_id => $begin) }
                  sort keys %case;

    wait_at($whole->last_id, values %sse);

    for my $name (sort keys %case) {
        is_deeply([ places($sse{$name}) ], [ wanted($name, @records) ],
                  "$name: from Kafka, what is wanted and no more, each once")
            or diag($sse{$name}->describe);
    }

    cmp_ok($sse{key}->header('kafka-sse-resume'), 'eq', 'replay',
           'and that was a replay');

    # they are live then

    my @more = produce(map { record() } 1 .. 21);
    push @records, @more;

    $whole->wait_records(scalar @records);
    wait_at($whole->last_id, values %sse);

    is_deeply([ places($sse{$_}) ], [ wanted($_, @records) ],
              "$_: and then live") for sort keys %sse;

    $_->close for values %sse;
    $far->quit;
}


# ---- what a client may say

sub only ($path, $wants, $name, %opt) {
    my $sse = $node->sse($path, last_event_id => $begin, %opt);
    local $_;

    wait_at($whole->last_id, $sse);
    is_deeply([ places($sse) ],
              [ sort map { $_->{place} } grep { $wants->() } @records ], $name)
        or diag($sse->describe);
    $sse->close;
}

sub order { ($_->{json}{type} // '') eq 'order' }

only('/orders', \&order, 'without an argument: what the location says');
only('/orders?who=k2', sub { order() && $_->{key} eq 'k2' },
     'an argument narrows it');
only('/orders?who=k2&user=4',
     sub { order() && $_->{key} eq 'k2' && $_->{json}{user}{id} == 4 },
     'so do two');
only('/orders?who=k2&who=k5', sub { order() && $_->{key} =~ /k[25]/ },
     'one of several values');
only('/orders?type=order', \&order, 'an argument that says the same');
only("/orders?$_", sub { 0 }, "\"$_\" cannot widen it")
    for 'type=refund', 'type=refund&type=visit', 'type=*', 'type=.*',
        'type=order%22%20or%20%22refund', 'type=ORDER', 'type=order%00',
        'type=order%0a';
only('/orders?type=order&type=refund', \&order,
     'nor can another value beside the right one');
only("/mine$_", sub { 0 }, "who does not say who it is gets nothing: \"$_\"")
    for '', '?who=', '?Who', '?k1', '?who=%20';

{
    my %unknown = ('colour=red' => 'colour', 'who=k1&x=1' => 'x',
                   'a%22b=1' => 'a');

    for my $query (sort keys %unknown) {
        my $r = $node->get("/orders?$query");
        my $json = eval { json_decode($r->{body}) };

        is($r->{status}, 400, "\"$query\" is refused");
        is($json->{error}, 'unknown-argument', '... as JSON')
            or diag($r->{raw});
        like($json->{message}, qr/^argument "\Q$unknown{$query}\E/,
             '... that names the argument');
    }

    is($node->get('/orders?who=' . 'x' x 2000)->{status}, 400,
       'a value that is too long is refused');

    my $sse = $node->sse("/orders?lastEventId=$begin&since=1&who=k1")
              ->wait_headers;
    is($sse->status, 200, 'arguments that other directives know are none');
    $sse->close;
}


# ---- JSON that is none, or strange

{
    my @strange = (
        { value => 'not JSON' }, { value => '' }, { value => "\0\xff" },
        { value => undef }, { value => '"order"' }, { value => '[]' },
        { value => '{"type":"order"' },
        { value => '{"type":"visit","type":"strange"}', is => 'strange' },
        { value => '{"type":"strange","x":' . '[' x 2000 . ']' x 2000 . '}',
          is => 'strange' },
        { value => '{"type":"strange","x":' . '[' x 3000 . ']' x 3000 . '}' },
        { value => '{"type":"strange"}x' }, { value => '{"type":"\ud800"}' },
        { value => '{"type":null}' }, { value => '{"type":{"a":1}}' },
        { value => '{"type":"stran\u0067e"}', is => 'strange' },
        { value => '{"big":9007199254740993}', big => 1 },
        { value => '{"big":9007199254740992}' },
        { value => '{"big":"9007199254740993"}', big => 1 },
        { value => '{"huge":18446744073709551617}', huge => 1 },
        { value => '{"huge":36893488147419103234}' },
        { value => '{"type":"after"}', is => 'after' },
    );

    $node->{server} .= <<"END";
location = /strange { kafka_sse $topic; kafka_sse_filter json:.type = strange; }
location = /big { kafka_sse $topic;
                  kafka_sse_filter json:.big = 9007199254740993; }
location = /huge { kafka_sse $topic; kafka_sse_filter json:.huge >= 0;
                   kafka_sse_filter json:.huge < 2e19; }
location = /after { kafka_sse $topic; kafka_sse_filter json:.type = after; }
END

    # they are in the ring before anybody looks for these fields

    my @at = $kafka->produce([ map { { topic => $topic, %$_ } } @strange ]);
    $strange[$_]{place} = "$at[$_]{partition}:$at[$_]{offset}"
        for 0 .. $#strange;

    $whole->wait_records(@records + @strange);
    my $id = $whole->last_id;

    $node->reload;

    my %want = (
        strange => sub { ($_->{is} // '') eq 'strange' },
        big => sub { $_->{big} }, huge => sub { $_->{huge} },
        after => sub { ($_->{is} // '') eq 'after' },
    );

    for my $name (sort keys %want) {
        my $sse = $node->sse("/$name", last_event_id => $begin);
        wait_at($id, $sse);

        my $wants = $want{$name};
        local $_;

        is_deeply([ places($sse) ],
                  [ sort map { $_->{place} } grep { $wants->() } @strange ],
                  "$name: in the ring before the filter was configured")
            or diag($sse->describe);
        $sse->close;
    }

    # and with the companion's eyes

    my %sse = map { $_ => $node->sse("/$_") } sort keys %want;
    my $now = $node->sse('/whole')->wait_position;
    $_->wait_position for values %sse;

    @at = $kafka->produce([ map { { topic => $topic, %$_ } } @strange ]);
    $strange[$_]{place} = "$at[$_]{partition}:$at[$_]{offset}"
        for 0 .. $#strange;

    $now->wait_records(scalar @strange);
    wait_at($now->last_id, values %sse);

    for my $name (sort keys %want) {
        my $wants = $want{$name};
        local $_;

        is_deeply([ places($sse{$name}) ],
                  [ sort map { $_->{place} } grep { $wants->() } @strange ],
                  "$name: and after it")
            or diag($sse{$name}->describe);
    }

    $_->close for values %sse, $now;
}

$whole->close;


# ---- groups, and many of them

sub groups { $node->status->{streams}{workers}[0]{groups} }

wait_for(15, 'the streams before are gone', sub {
    my $status = $node->status;
    $status->{streams}{open} == 0 && @{$status->{streams}{workers}} == 1
        && $status->{streams}{workers}[0]{groups} == 0;
});

{
    my @same = map { $node->sse('/busy?who=k' . $_ % 2)->wait_position }
                   1 .. 10;
    is(groups(), 2, 'equal filters share a group');
    $_->close for @same;
    wait_for(5, 'the groups are gone', sub { groups() == 0 });
    pass('a group ends with its last stream');
}

{
    my $streams = 300;
    my @sse = map { $node->sse("/busy?who=k$_") } 1 .. $streams;
    pump(20, 'all have a position', sub { !grep { !@{$_->ids} } @sse });

    is(groups(), $streams, 'each of many streams has a group of its own');

    # others come and go all the time

    my @passing;
    my $left = 0;
    my @batch = map { { topic => $busy, key => "k$_", value => "for $_" } }
                    map { ($_, $_) } 1 .. $streams;

    for my $part (0 .. 11) {
        push @passing, map { $node->sse("/busy?who=k$_&who=k7&who=none") }
                           $part * 20 + 1 .. $part * 20 + 20;
        $kafka->produce([ @batch[$part * 50 .. $part * 50 + 49] ]);
        pump(5, 'some bytes', sub { 1 });
        $_->close, $left++ for splice @passing, 0, 15;
    }

    pump(20, 'all have theirs', sub { !grep { $_->records < 2 } @sse });

    my @wrong = grep {
        my $i = $_ + 1;
        my @got = map { json_decode($_->{data})->{key} } $sse[$_]->records;
        "@got" ne "k$i k$i";
    } 0 .. $#sse;

    is_deeply(\@wrong, [], 'each gets its own, twice, and nobody else\'s');
    cmp_ok($left, '>', 100, '... while others come and go');
    $_->close for @sse, @passing;

    wait_for(5, 'the groups are gone', sub { groups() == 0 });
}

finish;
