# Topics that clients name: what is no name, is not allowed or is not there is
# refused, in this order; what is allowed is a stream like any other, that has
# each record once wherever it resumes: on the same node, after a kill -9 of the
# companion, after a reload, on another node.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Token;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $tag = unique('by');
$tag =~ tr/A-Za-z0-9//cd;

my %topic;

sub topic ($name, %opt) {
    return $topic{$name} //= $kafka->topic("topic", name => "$tag.$name", %opt);
}

topic($_) for qw(orders.eu orders.us orders.us.secret prices);
topic('two', partitions => 2);
topic('big', partitions => 200);
topic('large', partitions => 100);

my $fixed = topic('fixed');

my $tokens = KafkaSSE::Token->new;
my $keys = tempdir() . '/jwt.key';

spew($keys, "$tokens->{secret}\n");

sub claims (%claims) {
    return (headers => { Authorization =>
                'Bearer ' . $tokens->token('HS256', \%claims) });
}

my $server = <<"END";
kafka_sse_retry 100ms;
kafka_sse_heartbeat 500ms;
kafka_sse_allow $tag.orders.*;
location = /any { kafka_sse \$arg_topic; kafka_sse_allow $tag.* $tag.*.*; }
location = /in { kafka_sse \$arg_topic; kafka_sse_data envelope; }
location = /region {
    kafka_sse $tag.orders.\$arg_region;
    kafka_sse_filter_args amount=json:.amount;
    kafka_sse_data envelope;
}
location = /mixed {
    kafka_sse fixed=$fixed \$arg_a \$arg_b topics=3;
    kafka_sse_data envelope;
    kafka_sse_allow $tag.*;
}
location = /claim {
    kafka_sse \$arg_topic;
    kafka_sse_allow $tag.orders.\$kafka_sse_claim_regions
                    \${kafka_sse_claim_PREFIX}.\$kafka_sse_claim_tail
                    \$http_x_prefix.two;
    kafka_sse_jwt x;
    kafka_sse_jwt_key_file $keys;
    kafka_sse_jwt_alg HS256;
}
location = /theirs {
    kafka_sse \$kafka_sse_claim_topics;
    kafka_sse_allow $tag.* $tag.*.*;
    kafka_sse_jwt x;
    kafka_sse_jwt_key_file $keys;
    kafka_sse_jwt_alg HS256;
}
location = /internal { kafka_sse \$arg_topic; kafka_sse_allow * *.*; }
location = /plain { kafka_sse $fixed; }
location = /status { kafka_sse_status; }
END

my %shared = (kafka => $kafka, redis => $redis, workers => 1,
              group => unique('group'), zone => '8m', server => $server);

my $node = KafkaSSE::Node->new(%shared)->start;
my $other;


my %n;

sub produce (@names) {
    $kafka->produce([ map { +{ topic => $topic{$_},
                               value => "$_ " . ++$n{$_} } } @names ]);
}

produce('orders.eu', 'orders.us');      # before anybody has asked


# ---- what is refused

sub refused ($path, $status, $code, %opt) {
    my $r = $node->get($path, %opt);
    my $json = eval { json_decode($r->{body}) } // {};
    my $name = $path . join '', map { " $_: $opt{headers}{$_}" }
                                    sort keys %{$opt{headers} // {}};

    ok($r->{status} == $status && ($json->{error} // '') eq $code,
       "$name is $status, $code") or diag($r->{raw});

    return $r;
}

refused('/any', 400, 'no-topic');
refused('/any?topic=', 400, 'no-topic');
refused("/any?topic=$_", 400, 'invalid-topic')
    for '.', '..', 'a/b', 'a%20b', 'a%0d%0aX:y', '%00', 'a%25', '%c3%a9',
        ',', 'a,', ',a', 'a,,b', 'x' x 250, '$arg_topic', '"', '%22',
        "$tag.two%0a", '*', "$tag.*";
refused('/any?topic=' . join(',', map { "$tag.n$_" } 1 .. 17), 400,
        'too-many-topics');
refused("/mixed?a=$tag.two&b=$tag.prices,$tag.large", 400,
        'too-many-topics');
refused("/region", 403, 'topic-not-allowed');
refused("/region?region=eu,us", 400, 'invalid-topic');
refused("/region?region=eu&nonsense=1", 400, 'unknown-argument');

# look-alikes

refused("/in?topic=$_", 403, 'topic-not-allowed')
    for "$tag.orders", "$tag.orders.", "$tag.orders.us.secret",
        "$tag.Orders.eu", "x$tag.orders.eu", "$tag.ordersx.eu",
        "$tag-orders.eu", "$tag.prices", "$tag.orders..eu",
        "$tag.orders.eu,$tag.prices", "$tag.prices,$tag.orders.eu";

is(refused("/in?topic=$tag.prices", 403, 'topic-not-allowed')->{body},
   refused("/in?topic=$tag.nowhere", 403, 'topic-not-allowed')->{body},
   'what is not allowed looks the same whether it is there or not');

refused("/internal?topic=__consumer_offsets", 403, 'topic-not-allowed');
refused("/internal?topic=__no.such", 403, 'topic-not-allowed');

# what a claim grants: a list's elements, or a text, whatever is in it

sub denied ($name, $topic, %claims) {
    my $r = $node->get("/claim?topic=$tag.$topic", claims(%claims));
    my $json = eval { json_decode($r->{body}) } // {};

    ok($r->{status} == 403 && ($json->{error} // '') eq 'topic-not-allowed',
       "$topic: not allowed to $name") or diag($r->{raw});
}

denied('who has no such claim', 'orders.eu');
denied('another region', 'orders.us', regions => 'eu');

for my $value ('*', '', ',', 'us', 'eu*', '*,us', '.', '?', 'eu%', 'x, eu',
               'e', 'EU', '"eu"', join(',', ('x') x 64) . ',eu')
{
    my $name = length $value < 20 ? "\"$value\"" : 'many';

    denied("the text $name", 'orders.eu', regions => $value);
    denied("the list $name", 'orders.eu', regions => [ split /,/, $value ]);
}

for my $topic (qw(orders.eu orders.us orders.us.secret)) {
    denied('a text with a comma', $topic, regions => 'eu,us');
    denied('a list with a comma in an element', $topic,
           regions => [ 'eu,us', 'us' ]);
}

denied('two lists', 'prices', prefix => [ 'x', $tag ],
       tail => [ 'x', 'prices' ]);
denied('a text with a comma beside a list', 'prices', prefix => "x,$tag",
       tail => [ 'x', 'prices' ]);
denied('an empty text', 'orders.', regions => '');

{
    my %headers = (claims())[1]->%*;
    refused("/claim?topic=$tag.two", 403, 'topic-not-allowed',
            headers => { %headers, 'X-Prefix' => "x,$tag" });
}

is($node->get("/claim?topic=$tag.$$_[0]", method => 'HEAD',
              claims($$_[1]->%*))->{status}, 200, "$$_[0]: allowed to $$_[2]")
    for [ 'orders.eu', { regions => 'eu' }, 'a text' ],
        [ 'orders.us', { regions => [ 'eu', 'us' ] }, 'a list' ],
        [ 'orders.eu', { regions => [ 'eu' ] }, 'a list of one' ],
        [ 'prices', { prefix => [ 'x', $tag ], tail => 'prices' },
          'a list before a text' ],
        [ 'prices', { prefix => $tag, tail => [ 'x', 'prices' ] },
          'a list behind a text' ],
        [ 'prices', { prefix => [ $tag ], tail => [ 'x', 'prices' ] },
          'a list of one beside a list' ];

# a claim that names topics

for my $case ([ 200, 'a list', [ "$tag.two", "$tag.prices" ] ],
              [ 200, 'a text', "$tag.two" ],
              [ 400, 'a text with a comma', "$tag.two,$tag.prices" ],
              [ 400, 'a list with a comma', [ "$tag.two,$tag.prices" ] ],
              [ 400, 'an empty list', [] ])
{
    my ($status, $name, $value) = @$case;
    is($node->get('/theirs', method => 'HEAD', claims(topics => $value))
            ->{status}, $status, "topics that $name names: $status");
}

# not there

refused("/any?topic=$tag.nowhere", 404, 'unknown-topic');
refused("/any?topic=$tag.two,$tag.nowhere", 404, 'unknown-topic');
refused("/any?topic=$tag.big,$tag.large", 400, 'too-many-partitions');

is($node->get("/any?topic=$tag.$$_[0]", method => 'HEAD')->{status}, $$_[1],
   "HEAD of topic $$_[0] is $$_[1]")
    for [ 'two' => 200 ], [ 'nowhere' => 404 ], [ 'a/b' => 400 ];
is($node->get("/in?topic=$tag.two", method => 'HEAD')->{status}, 403,
   'HEAD of a topic that is not allowed is 403');

is_deeply([ $node->log_lines(qr{kafka_sse: .*a/b}) ], [],
          'what is no name is in no line of ours');


# ---- what is served

# Values of a stream, by topic, each once and in order.

sub has ($name, $sse, %want) {
    my $n = 0;
    $n += $_ for values %want;

    eval { $sse->wait_records($n) };
    my $error = $@;

    my %got;

    for my $event ($sse->records) {
        my $value = $event->{data} =~ /^\{/
                    ? json_decode($event->{data})->{value} : $event->{data};
        my ($topic, $v) = $value =~ /^(\S+) (\d+)$/;
        push @{$got{$topic}}, $v;
    }

    my %expected = map { ($_ => [ $n{$_} - $want{$_} + 1 .. $n{$_} ]) }
                       grep { $want{$_} } keys %want;

    is_deeply(\%got, \%expected, $name)
        or diag($error, $sse->describe, $node->errors);
}

my $eu = $node->sse("/in?topic=$tag.orders.eu", keep => 1)->wait_position;
my $twice = $node->sse("/in?topic=$tag.orders.us,$tag.orders.eu,"
                       . "$tag.orders.eu")->wait_position;
my $swapped = $node->sse('/in?topic='
                         . "$tag.orders.eu%2C$tag.orders.us")->wait_position;
my $region = $node->sse('/region?region=us')->wait_position;
my $claim = $node->sse("/claim?topic=$tag.orders.eu",
                       claims(regions => [ 'x', 'eu', 'us' ]))->wait_position;
my $theirs = $node->sse('/theirs', claims(topics => [ "$tag.prices",
                                                      "$tag.orders.us" ]))
                  ->wait_position;
my $mixed = $node->sse("/mixed?b=$tag.two")->wait_position;

produce(('orders.eu', 'orders.us') x 3, 'fixed', 'two', 'prices');

has('a topic is served from when it was asked for', $eu, 'orders.eu' => 3);
has('a list is each topic once', $twice, 'orders.eu' => 3, 'orders.us' => 3);
has('... encoded, too', $swapped, 'orders.eu' => 3, 'orders.us' => 3);
has('a variable may be a part of a name', $region, 'orders.us' => 3);
has('one element of a claim is enough', $claim, 'orders.eu' => 3);
has('a list of a claim is each topic', $theirs, 'orders.us' => 3, prices => 1);
has('a topic is served beside one of the location', $mixed, fixed => 1,
    two => 1);

is(json_decode(($eu->records)[0]{data})->{topic}, "$tag.orders.eu",
   'the envelope has the name that was asked for');
is_deeply([ sort map { json_decode($_->{data})->{topic} } $mixed->records ],
          [ sort 'fixed', "$tag.two" ], '... or the public one');

my ($worker) = @{$node->status->{streams}{workers}};
is($worker->{groups}, 6, 'streams of the same topics are one group')
    or diag(json_encode($worker));

# a filter on JSON that only this location wants

my $amount = $node->sse('/region?region=us&amount=2')->wait_position;
$kafka->produce([ map { +{ topic => "$tag.orders.us", value => $_ } }
                  '{"amount":1}', '{"amount":2}' ]);
eval { $amount->wait_records(1) };
is_deeply([ map { json_decode($_->{data})->{value} } $amount->records ],
          [ '{"amount":2}' ], 'filters look into the JSON of such topics')
    or diag($amount->describe);

$_->close for $eu, $twice, $swapped, $region, $claim, $theirs, $amount;


# ---- resumed

my $path = "/any?topic=$tag.orders.eu,$tag.prices";

sub resumed ($name, $at, $sse, $do, $resume = qr/./) {
    my $id = $sse->last_id;
    $sse->close;

    produce(('orders.eu', 'prices') x 5);
    $do->();
    produce(('orders.eu', 'prices') x 2);

    my $next = $at->()->sse($path, last_event_id => $id);

    eval { $next->wait_records(7 * 2, 30) };
    produce('prices');

    has("$name: each record once", $next, 'orders.eu' => 7, prices => 8);
    is(scalar(grep { $_->{event} eq 'stream-reset' } @{$next->events}), 0,
       "$name: nothing is missing");
    like($next->header('Kafka-SSE-Resume'), $resume, "$name: the header");

    return $next;
}

my $sse = $node->sse($path)->wait_position;

$sse = resumed('on the same node', sub { $node }, $sse, sub { });

$sse = resumed('after a kill -9 of the companion', sub { $node }, $sse, sub {
    my $pid = $node->companion;
    $node->kill_process($pid);
    wait_for(10, 'another companion', sub {
        my @pids = $node->companions;
        @pids == 1 && $pids[0] != $pid;
    });
});

$sse = resumed('after a reload', sub { $node }, $sse, sub { $node->reload });

$other = KafkaSSE::Node->new(%shared)->start;

$sse = resumed('on another node', sub { $other }, $sse, sub { });
$sse = resumed('... and back', sub { $node }, $sse, sub { });

# a live stream, and the companion goes

my $live = $node->sse($path)->wait_position;
my $pid = $node->companion;
$node->kill_process($pid);
produce(('orders.eu', 'prices') x 5);
eval { $live->wait_records(10, 20) };
has('a kill -9 of the companion is not noticed', $live, 'orders.eu' => 5,
    prices => 5);
is($live->connects, 1, '... by no reconnect');
$live->close;
$sse->close;


# ---- workers that hear of a topic when its records have passed already

sub in_ring {
    my ($t) = grep { $_->{topic} eq "$tag.two" } @{$node->status->{topics}};
    my $n = 0;

    $n += $_->{position} for @{$t->{partitions}};
    return $n;
}

my $in_ring = in_ring();
produce(('two') x 3);
wait_for(10, 'they are in the ring', sub { in_ring() == $in_ring + 3 });
my $two = $node->sse("/any?topic=$tag.two", headers => {})->wait_position;
produce(('two') x 2);
has('a topic that was fed before this worker knew it', $two, two => 2);
$two->close;


# ---- what cannot be had now

my $small = KafkaSSE::Node->new(%shared, group => unique('group'),
                                cluster => 'dynamic_topics 1;')->start;

is($small->get("/any?topic=$tag.two", method => 'HEAD')->{status}, 200,
   'the first of one dynamic topic is served');

my $full = $small->get("/any?topic=$tag.prices");
is($full->{status}, 503, 'the second one is 503');
like($full->{raw}, qr/^Retry-After: /m, '... with Retry-After');
is($small->get("/any?topic=$tag.two", method => 'HEAD')->{status}, 200,
   '... and the first is still served');

my $back = $small->sse("/any?topic=$tag.prices",
                       last_event_id => $two->last_id);
eval { $back->wait_end(20) };
is($back->status, 200, 'who brings a position is not refused for it');
is_deeply([ map { $_->{event} } @{$back->events} ], [ 'stream-end' ],
          '... but comes back');

my $apart = KafkaSSE::Node->new(%shared, group => unique('group'),
                                kafka => '127.0.0.1:1')->start;
my $began = time;
my $away = $apart->sse("/any?topic=$tag.two");
eval { $away->wait_end(20) };
is($away->status, 503, 'without Kafka a topic that nobody knows is 503')
    or diag($away->describe, $apart->errors);
ok($away->header('Retry-After'), '... with Retry-After');
cmp_ok(time - $began, '<', 15 * slow(), '... in time');

$began = time;
my $patient = $apart->sse("/any?topic=$tag.two", last_event_id => '1.');
my @gone = map { $apart->sse("/any?topic=$tag.two", last_event_id => '1.') }
               1 .. 20;
eval { pump(1, 'the requests are sent', sub { time - $began > 0.5 }) };
$_->close for @gone;
eval { $patient->wait_end(20) };
is($patient->status, 200, '... but not to who brings a position')
    or diag($patient->describe, $apart->errors);
is_deeply([ map { $_->{event} } @{$patient->events} ], [ 'stream-end' ],
          '... who is told to come back');

finish();
