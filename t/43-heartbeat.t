# Heartbeats: when they come, and that they do not come all at once.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('beat');
my $idle = $kafka->topic('idle');

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, tls => 1, server => <<"END")->start;
location /two { kafka_sse $topic; kafka_sse_heartbeat 2s; }
location /plain { kafka_sse $topic; kafka_sse_heartbeat 2s;
                  chunked_transfer_encoding off; }
location /gzip { kafka_sse $topic; kafka_sse_heartbeat 2s;
                 gzip on; gzip_types text/event-stream; gzip_min_length 0; }
location /hour { kafka_sse $idle; kafka_sse_heartbeat 1h; }
location /both { kafka_sse $idle; kafka_sse_heartbeat 1s;
                 kafka_sse_max_duration 3s jitter=0; }
location /far { kafka_sse $idle; kafka_sse_heartbeat 1h;
                kafka_sse_max_duration 1500ms jitter=0; }
location /short { kafka_sse $idle; kafka_sse_heartbeat 10ms; }
END

$node->ready([ $topic, $idle ]);

sub comments ($sse) { scalar @{$sse->comments} }


# ---- all are sent a record at once

my $hour = $node->sse('/hour')->wait_position;

my %sse = (
    'HTTP/1.1' => [ map { $node->sse('/two') } 1 .. 60 ],
    'TLS'      => [ $node->sse('/two', tls => 1) ],
    'HTTP/2'   => [ $node->sse('/two', tls => 1, http => '2') ],
    'HTTP/1.0' => [ $node->sse('/two', http => '1.0') ],
    'unframed' => [ $node->sse('/plain') ],
    'gzip'     => [ $node->sse('/gzip', curl_options => [ '--compressed' ],
                               headers => { 'Accept-Encoding' => 'gzip' }) ],
);

my @all = map { @$_ } values %sse;
my @many = @{$sse{'HTTP/1.1'}};

$_->wait_position for @all;

my %before = map { $_ => comments($_) } @all;
my %record;

$kafka->fill($topic, n => 1);

pump(10, 'all have the record', sub {
    $record{$_} //= $_->records ? time : undef for @all;
    return !grep { !$record{$_} } @all;
});

pump(10, 'all have a heartbeat', sub {
    return !grep { comments($_) == $before{$_} } @all;
});

for my $name (sort keys %sse) {
    my @late = sort { $a <=> $b }
               map { $_->{comment_time} - $record{$_} } @{$sse{$name}};

    ok($late[0] > 1.5 && $late[-1] < 1.5 + 0.9 * slow(),
       "$name: a heartbeat comes in the last fifth of its time")
        or diag("@late");
    is(scalar(grep { @{$_->faults} } @{$sse{$name}}), 0,
       '... in a proper stream');
}

{
    my @times = sort { $a <=> $b } map { $_->{comment_time} } @many;
    my %slots = map { int($_ * 10) => 1 } @times;

    cmp_ok($times[-1] - $times[0], '>', 0.15,
           'streams with one and the same record do not beat at once')
        or diag("@times");
    cmp_ok(keys %slots, '>=', 3, '... but over the fifth');
}

is(scalar(grep { comments($_) != $before{$_} + 1 } @many), 0,
   'each has one');


# ---- who is sent records needs none

{
    my %had = map { $_ => comments($_) } @many;
    my $records = $many[0]->records;
    my $filling = $kafka->filling($topic, n => 40, rate => 10);

    pump(20, '40 records', sub {
        return !grep { $_->records < $records + 40 } @many;
    });
    $filling->finish;

    # the first of them may have come when the heartbeat was due

    is(scalar(grep { comments($_) > $had{$_} + 1 } @many), 0,
       'streams with records have no heartbeats');
    is(scalar(grep { comments($_) == $had{$_} } @many), scalar @many,
       '... not even one') or diag(join ' ', map { comments($_) } @many);

    my $last = time;
    my %now = map { $_ => comments($_) } @many;

    pump(10, 'the next one', sub {
        return !grep { comments($_) == $now{$_} } @many;
    });

    my @took = sort { $a <=> $b } map { $_->{comment_time} - $last } @many;

    ok($took[0] > 1.4 && $took[-1] < 1.5 + 0.9 * slow(),
       'their time begins with the last record') or diag("@took");
}

$_->close for @all;


# ---- with the end of a stream

{
    my $both = $node->sse('/both')->wait_position;
    my $far = $node->sse('/far')->wait_position;
    my $had = comments($both);

    $_->wait_end for $both, $far;

    is(comments($both) - $had, 3, 'heartbeats come up to the end')
        or diag($both->describe);
    ok($both->{end_time} - $both->{began} >= 2.99, '... which is not earlier')
        or diag($both->{end_time} - $both->{began});
    is($_->events->[-1]{data}, 'limit', 'the end is the one of the time')
        for $both, $far;

    my $took = $far->{end_time} - $far->{began};
    ok($took >= 1.49 && $took < 1.5 + 0.5 * slow(),
       'a heartbeat in an hour does not hold it up') or diag($took);
}

{
    my $short = $node->sse('/short');
    $short->wait_for(10, '5 heartbeats', sub { comments($short) >= 6 });
    pass('a heartbeat may be due at once');
    $short->close;
}

is(comments($hour), 1, 'a heartbeat in an hour is not sent in this one');
is($hour->ended, undef, '... and its stream goes on');

finish;
