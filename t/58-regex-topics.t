# Topics that a regular expression finds: those that are there, and new ones
# while streams run, which get them from their first record; what is Kafka's
# own, or not allowed, is not found.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $tag = unique('re');
$tag =~ tr/A-Za-z0-9//cd;

sub topic ($name) { $kafka->topic("topic", name => "$tag.$name") }

topic('a.one');

my $server = <<"END";
kafka_sse_retry 100ms;
kafka_sse_heartbeat 300ms;
kafka_sse_data envelope;
location = /all { kafka_sse "~^$tag\\.a\\."; }
location = /case { kafka_sse "~*^$tag\\.A\\.ONE\$"; }
location = /some {
    kafka_sse "~^$tag\\.a\\.";
    kafka_sse_allow $tag.*.\$http_x_name;
}
location = /none { kafka_sse "~^$tag\\.b\\."; }
location = /big { kafka_sse "~^$tag\\.c\\." topics=2; }
location = /dunder { kafka_sse "~^__|^$tag\\.d\$"; }
location = /status { kafka_sse_status; }
END

my %shared = (kafka => $kafka, redis => $redis, workers => 1,
              group => unique('group'), zone => '8m', server => $server,
              cluster => "property topic.metadata.refresh.interval.ms 500;");

my $node = KafkaSSE::Node->new(%shared)->start;
my $other = KafkaSSE::Node->new(%shared)->start;

my %n;

sub produce (@names) {
    $kafka->produce([ map { +{ topic => "$tag.$_", value => "$_ " . ++$n{$_} } }
                      @names ]);
}


# What the stream has of each topic has to be what was made since $from.

sub has ($name, $sse, $from, @names) {
    my $n = 0;
    $n += $n{$_} - ($from->{$_} // 0) for @names;

    eval { $sse->wait_records($n, 30) };
    my $error = $@;

    my %got;

    for my $record ($sse->records(envelope => 1)) {
        my ($topic, $v) = $record->{value} =~ /^(\S+) (\d+)$/;
        push @{$got{$topic}}, $v;
    }

    my %want = map { ($_ => [ ($from->{$_} // 0) + 1 .. $n{$_} ]) }
               grep { $n{$_} > ($from->{$_} // 0) } @names;

    is_deeply(\%got, \%want, $name)
        or diag($error, $sse->describe, $node->errors);
}


# ---- what is there

my $some = $node->sse('/some', headers => { 'X-Name' => 'one' },
                      reconnect => 0.1)->wait_position;
my $all = $node->sse('/all', reconnect => 0.1)->wait_position;
my $case = $node->sse('/case')->wait_position;
my $far = $other->sse('/all', reconnect => 0.1)->wait_position;
my $denied = $node->sse('/some', headers => { 'X-Name' => '*' });
my $none = $node->sse('/none', reconnect => 0.1);

$denied->wait_headers;
$none->wait_headers;

is($denied->status, 200, 'who is allowed no topic waits');
is($none->status, 200, 'a stream waits for the first topic');
is($node->get('/none', method => 'HEAD')->{status}, 200, '... and HEAD is 200');

produce('a.one');
has('what is there is found', $all, {}, 'a.one');
has('... in any case, if asked so', $case, {}, 'a.one');
has('... and if allowed', $some, {}, 'a.one');
has('... on another node', $far, {}, 'a.one');


# ---- new ones, with streams that resume, that filter, and others

my $private = $node->sse('/all', last_event_id => $all->ids->[0],
                         reconnect => 0.1);

topic('a.two');
produce(('a.two') x 20);
topic('b.first');
produce(('b.first') x 20);
topic('elsewhere');
$kafka->produce([ { topic => "$tag.elsewhere", value => 'never' } ]);
produce('a.one', ('a.two') x 20, ('b.first') x 5);

has('a new topic comes from its first record', $all, {}, qw(a.one a.two));
has('... on another node', $far, {}, qw(a.one a.two));
has('... to who resumed', $private, {}, qw(a.one a.two));
has('... but to nobody who is not allowed', $some, {}, qw(a.one));
has('the first topic of a stream comes from its first record', $none, {},
    'b.first');
is(scalar($denied->records), 0, 'who is allowed none has none');
is($all->connects, 1, 'public streams go on in place');
is($some->connects, 1, '... and others notice nothing');

eval { $denied->wait_for(5, 'heartbeats',
                         sub { @{$denied->comments} >= 4 }) };
cmp_ok(scalar @{$denied->comments}, '>=', 4, 'who waits has heartbeats');


# ---- resumed, by nodes that know it sooner or later

my $id = $all->last_id;
my %from = %n;

$_->close for $private, $case, $denied;

topic('a.three');
produce(('a.three') x 10, 'a.one', 'a.two');

my $hop = $other->sse('/all', last_event_id => $id, reconnect => 0.1);
has('a position from before, on another node', $hop, \%from,
    qw(a.one a.two a.three));

my $late = $hop->last_id;
%from = %n;
$hop->close;

$node->reload;
produce(qw(a.one a.two a.three));

my $after = $node->sse('/all', last_event_id => $late, reconnect => 0.1);
has('... and after a reload', $after, \%from, qw(a.one a.two a.three));
is(scalar(grep { $_->{event} eq 'stream-reset' } @{$after->events}), 0,
   '... nothing is missing');

has('streams that went through it all have each record once', $all, {},
    qw(a.one a.two a.three));
has('... on the other node', $far, {}, qw(a.one a.two a.three));


# ---- limits

topic("c.$_") for 1 .. 2;

my $big = $node->sse('/big', reconnect => 0.1)->wait_position;

produce('c.1', 'c.2');
eval { $big->wait_records(2, 20) };
is(scalar($big->records), 2, 'as many as one may have');

topic('c.3');
produce('c.3', 'c.1');
eval { $big->wait_records(3, 20) };
is_deeply([ sort map { $_->{value} } $big->records(envelope => 1) ],
          [ 'c.1 1', 'c.1 2', 'c.2 1' ], 'one more is not for streams that run')
    or diag($big->describe);
eval {
    wait_for(20, 'new ones are refused', sub {
        ($node->get('/big', method => 'HEAD')->{status} // 0) == 500 });
};
my $r = $node->get('/big');
is(eval { json_decode($r->{body})->{error} }, 'too-many-topics',
   'new streams are told that there are too many');
is($r->{status}, 500, '... which is not their fault');
ok($node->log_lines(qr/topic "$tag\.c\.3" is one too many/),
   '... and the log, too');

topic('d');
my $dunder = $node->sse('/dunder')->wait_position;
produce('d');
has('what is Kafka\'s own is not found', $dunder, {}, 'd');

finish();
