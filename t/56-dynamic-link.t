# Topics that are not configured: a worker asks the companion for what clients
# name, and patterns find theirs.  The test is the worker, without nginx's.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Link;
use Time::HiRes qw(time);

# one that would make each topic that it is asked for by name

my $kafka = KafkaSSE::Kafka->new(
    properties => "auto.create.topics.enable=true\nnum.partitions=3");

my $redis = KafkaSSE::Redis->new;
my $group = unique('group');
my $limit = 12;

my $fixed = $kafka->topic('fixed', partitions => 2);
$kafka->fill($fixed, n => 2);

my $server = <<"END";
location /fixed { kafka_sse $fixed; }
location /any { kafka_sse_allow *; kafka_sse \$arg_topic; }
location /found { kafka_sse ~^found\\. ~^__found; }
location /status { kafka_sse_status json; }
END

sub node (%opt) {
    return KafkaSSE::Node->new(
        kafka => $kafka, redis => $redis, group => $group,
        redis_prefix => $group, level => 'debug', zone => '32m',
        http => "kafka_sse_history records=5;",
        cluster => "dynamic_topics $limit;", server => $server, %opt)->start;
}


# What the status tells of a topic, and sums of its partitions.

sub topic ($node, $name) {
    my ($topic) = grep { $_->{topic} eq $name }
                  @{($node->status // {})->{topics} // []};
    return $topic // { state => 'none', partitions => [] };
}

sub sum ($node, $name, $what) {
    my $sum = 0;
    $sum += $_->{$what} // 0 for @{topic($node, $name)->{partitions}};
    return $sum;
}

sub sources ($node, $name) {
    my %source = map { $_->{source} => 1 } @{topic($node, $name)->{partitions}};
    return join ' ', sort keys %source;
}

# ... which tells no clusters before its companion does

sub cluster ($node) {
    my $status = $node->status // {};
    return $status->{clusters}[0]
           // { group => 'none', dynamic_topics => -1,
                dynamic_topics_limit => -1 };
}

sub started ($node, $name, $what) {
    ok(eval { wait_for(10, 'it starts', sub {
                           topic($node, $name)->{state} eq 'started' }) },
       $what) or diag($node->errors);
}

sub reaches ($node, $name, $what, $n, $test, $seconds = 15) {
    my $is;
    ok(eval { wait_for($seconds, $test, sub {
                           ($is = sum($node, $name, $what)) >= $n }, 0.05) }
       && $is == $n, $test)
        or diag("$what: $is, not $n\n", json_encode(topic($node, $name)));
}

sub carried ($node, $name, $test) {
    ok(eval { wait_for(20, $test,
                       sub { sources($node, $name) eq 'redis' }, 0.05) },
       $test) or diag(json_encode(topic($node, $name)), $node->errors);
}

sub asked ($node) { scalar $node->log_lines(qr/catalog of "main" is asked/) }

sub exists_in_kafka ($name) {
    return scalar grep { !/-delete$/ } glob "$kafka->{dir}/data/$name*";
}

# streams are read, and so is the link, for so long, which is measured

sub run_for ($seconds, @looks) {
    my $until = time + $seconds;
    pump($seconds + 10, 'the time is over', sub {
        $_->{link}->take(0) for @looks;
        return time > $until && !grep { !$_->{seen} } @looks;
    });
}


my $old = $kafka->topic('', name => 'found.before', partitions => 2);
$kafka->fill($old, n => 20);
$kafka->topic('', name => '__found.own');
$kafka->topic('', name => '__other');
$kafka->topic('', name => 'not.found.');

my $node = node();
my $link = KafkaSSE::Link->new($node);


# ---- a topic that Kafka has

my $name = $kafka->topic('named', partitions => 3);
$kafka->fill($name, n => 30);

my $look = $link->look($name);
$link->wait(5, 'seen', sub { $look->{seen} });
is($look->{seen}, 'yes', 'a topic that Kafka has is seen');
cmp_ok($look->{took}, '<', 2 * slow(), '... soon');
is(scalar @{topic($node, $name)->{partitions}}, 3,
   '... and is in the table with its partitions');
started($node, $name, '... and starts');
is(sum($node, $name, 'records'), 15,
   '... with as much of its past as kafka_sse_history says');

$look = $link->look($name);
$link->wait(5, 'seen', sub { $look->{seen} });
is($look->{seen}, 'yes', '... and is seen again');
cmp_ok($look->{took}, '<', 0.2 * slow(), '... at once');

carried($node, $name, '... and Redis carries it soon, as the group has it');
$kafka->fill($name, n => 30);
reaches($node, $name, 'records', 45, '... and brings what comes');

is($link->seen($fixed), 'yes', 'so is one that is configured');
is(cluster($node)->{dynamic_topics_limit}, $limit, 'the status tells the limit');


# ---- a replay of it

{
    my $replay = $link->open($name, [ 0 .. 2 ], auto => 100_000);
    $link->wait(10, 'offsets', sub { $replay->{offsets} });
    $replay->read_all;
    $link->wait(10, 'the end', sub { $replay->ended });
    is($replay->{n}, 60, 'a topic that is not configured is replayed');
    is($replay->faults, 0, '... without fault');
    $replay->close;

    my $none = $link->open('never-named', [ 0 ]);
    $link->wait(5, 'refused', sub { defined $none->{refused} });
    is($none->{refused}, 1, 'one that nobody looked for is not');

    my $vacant = $link->open('', [ 0 ]);
    $link->wait(5, 'refused', sub { defined $vacant->{refused} });
    is($vacant->{refused}, 1, '... nor one without a name');
}


# ---- what Kafka does not have

is($link->seen($_), 'absent', "\"" . substr($_, 0, 20) . '" is absent')
    for 'absent', 'absent.too', 'x' x 249;

is($link->seen($_), 'absent',
   '... and so is what is no name: "' . substr($_, 0, 20) . '"')
    for 'x' x 250, '..', '.', 'a/b', "a\0b", "a\r\nb", 'a*', '~.', '', "\xff";

is($link->seen($name, cluster => 'other'), 'absent',
   '... and what is in a cluster that is none');

{
    my @looks = map { $link->look("absent-$_") } 1 .. 1000;
    my $before = asked($node);
    my $began = time;

    my @more;

    while (time - $began < 3) {
        $link->listen(0.1);
        push @more, $link->look('absent-again-' . @more) for 1 .. 100;
    }

    $link->wait(10, 'all answers', sub { !grep { !$_->{seen} } @looks,
                                                              @more });
    is(scalar(grep { $_->{seen} ne 'absent' } @looks, @more), 0,
       scalar(@looks) + @more . ' looks for what is absent are answered so');

    my $took = time - $began;
    my $asked = asked($node) - $before;
    cmp_ok($asked, '<=', $took + 1,
           "... and Kafka is asked $asked times in $took s");

    cmp_ok(asked($node), '>', 0, '(it is in the log)');
}

ok(!exists_in_kafka('absent'), 'none of them is made');


# ---- nonsense

{
    my $bad = KafkaSSE::Link->new($node);
    $node->expect(qr/makes no sense/);
    $bad->raw(pack('LSSLL', 24, 6, 3, 1, 0) . "\xff" x 8);
    ok($bad->wait_closed, 'a look that makes no sense ends the link');

    my $gone = KafkaSSE::Link->new($node);
    $gone->look("nobody-waits-$_") for 1 .. 100;
    $gone->close;
    is($link->seen($name), 'yes', 'who leaves while it waits hurts nobody');
}


# ---- patterns

started($node, $old, 'a pattern has found what was there');
is(sum($node, $old, 'records'), 10, '... with its history');
started($node, '__found.own', '... and an internal one that it begins with');

{
    my $new = $kafka->topic('', name => 'found.later', partitions => 3);
    $kafka->fill($new, n => 300);

    reaches($node, $new, 'records', 300,
            'what is made while we look is found, and read from its beginning',
            20);

    is(topic($node, $_)->{state}, 'none', "... but $_ is not")
        for '__other', 'not.found.', '__consumer_offsets';
}


# ---- the companion is killed

{
    my @names = ($name, $old, 'found.later');
    my %before = map { $_ => sum($node, $_, 'records') } @names;
    my $used = cluster($node)->{dynamic_topics};

    my $pid = $node->companion;
    $node->kill_process($pid);
    ok($link->wait_closed, 'a companion that is killed closes the link');

    $kafka->fill($_, n => 30) for @names;

    wait_for(10, 'a companion', sub { ($node->companion // $pid) != $pid });
    $link = KafkaSSE::Link->new($node);

    reaches($node, $_, 'records', $before{$_} + 30,
            "the next one takes $_ up, and goes on exactly") for @names;
    is(sum($node, $name, 'gaps'), 0, '... without a gap');

    is(cluster($node)->{dynamic_topics}, $used, '... as many as there were');
    is($link->seen($name), 'yes', '... and they are seen');
    carried($node, $_, '... and Redis carries them again') for @names;
}


# ---- reload

{
    my $pid = $node->companion;
    my $before = sum($node, $name, 'records');

    $node->reload;
    wait_for(15, 'a new companion', sub {
        my @pids = $node->companions; @pids == 1 && $pids[0] != $pid });
    ok($link->wait_closed, 'a companion that is replaced closes the link');

    $kafka->fill($name, n => 30);
    reaches($node, $name, 'records', $before + 30,
            'a reload takes topics along, exactly');

    $link = KafkaSSE::Link->new($node, pid => $node->master);
    is($link->seen($name), 'yes', '... and they are seen');
    carried($node, $name, '... and Redis carries them again');
}


# ---- nginx is started anew: Kafka gives the group's static member what it had

{
    $node->stop;
    $node->start;
    wait_for(20, 'the member is back', sub {
        cluster($node)->{group} eq 'joined' });

    is(topic($node, $name)->{state}, 'none', 'nginx that is started knows no '
                                             . 'topics of before');
    $link = KafkaSSE::Link->new($node);
    is($link->seen($name), 'yes', '... and looks for them again');
    started($node, $name, '... starts them');
    my $before = sum($node, $name, 'records');
    carried($node, $name, '... and Redis carries them');
    $kafka->fill($name, n => 30);
    reaches($node, $name, 'records', $before + 30, '... exactly');
    is(sources($node, $name), 'redis', '... by Redis');
}


# ---- deleted

{
    my $short = $kafka->topic('short');
    is($link->seen($short), 'yes', 'a topic is seen');
    started($node, $short, '... and starts');

    $kafka->delete($short);
    ok(eval { wait_for(15, 'absent', sub { $link->seen($short) eq 'absent' },
                       0.2) }, '... and once it is deleted it is absent');
    ok(!exists_in_kafka($short), '... and does not come back by itself');

    $kafka->create($short);
    ok(eval { wait_for(15, 'yes', sub { $link->seen($short) eq 'yes' },
                       0.2) }, '... and is seen again once it is made again');
    $kafka->fill($short, n => 7);
    reaches($node, $short, 'position', 7, '... and read');
}


# ---- a second node; a configured topic's clients notice nothing

{
    my $other = node();
    my $far = KafkaSSE::Link->new($other);

    is($far->seen($name), 'yes', 'another node sees the topic, too');
    started($other, $name, '... and starts it');
    carried($_, $name, '... Redis carries it to both') for $node, $other;

    my @streams = map { $_->sse('/fixed', keep => 0, on_event => sub {
        my ($sse, $event) = @_;
        my $now = time;
        my $gap = $now - ($sse->{was} // $now);
        $sse->{gap} = $gap if $gap > ($sse->{gap} // 0);
        $sse->{was} = $now;
    }) } $node, $other;
    $_->wait_position(10) for @streams;

    my $filling = $kafka->filling($fixed, rate => 100);
    run_for(2);
    $_->{gap} = 0 for @streams;
    run_for(5);
    my @quiet = map { $_->{gap} } @streams;
    $_->{gap} = 0 for @streams;

    my @added = map { $kafka->topic('added', partitions => 4) } 1 .. 3;

    $_->{gap} = 0, $_->{was} = time for @streams;

    for my $added (@added) {
        my @looks = map { $_->look($added) } $link, $far;
        run_for(4, @looks);
        is(join(' ', map { $_->{seen} } @looks), 'yes yes',
           'a topic is added on both nodes');
    }

    my $until = time + 20;
    run_for(0.2) while time < $until
                       && grep { sources($_, $added[-1]) ne 'redis' }
                               $node, $other;
    is(sources($_, $added[-1]), 'redis', '... Redis carries it')
        for $node, $other;
    run_for(1);

    my @gaps = map { $_->{gap} } @streams;
    diag("longest silence, ms: before " .
         join(' ', map { sprintf '%.0f', 1000 * $_ } @quiet) . ', while ' .
         join(' ', map { sprintf '%.0f', 1000 * $_ } @gaps));
    $filling->finish;

    for my $stream (@streams) {
        is($stream->connects, 1, 'a stream of a configured topic goes on');
        is_deeply($stream->faults, [], '... properly');
        cmp_ok($stream->{gap}, '<', 2 * slow(), '... without a long silence');
        $stream->close;
    }

    is(sum($_, $fixed, 'gaps'), 0, '... or a gap') for $node, $other;

    $far->close;
    $other->quit(20);
}


# ---- too many

{
    my $left = $limit - cluster($node)->{dynamic_topics};
    my @names = map { $kafka->topic('many') } 0 .. $left + 2;
    my @seen = map { $link->seen($_) } @names;

    is_deeply(\@seen, [ ('yes') x $left, ('full') x 3 ],
              "there is room for $limit, and not for more");
    is($link->seen($name), 'yes', '... but for those that are there');
    is(cluster($node)->{dynamic_topics}, $limit, '... as the status tells');
    is(scalar $node->log_lines(qr/no room for "many/), 1, '... and one line');

    $kafka->topic('', name => 'found.too.late');
    $link->listen(7);
    is(topic($node, 'found.too.late')->{state}, 'none',
       '... nor is there for patterns');

    my $pid = $node->companion;
    $node->set(cluster => 'dynamic_topics 5;')->reload;
    wait_for(15, 'a new companion', sub {
        my @pids = $node->companions; @pids == 1 && $pids[0] != $pid });
    wait_for(10, 'less is admitted', sub {
        cluster($node)->{dynamic_topics_limit} == 5 });
    is(cluster($node)->{dynamic_topics}, 5, 'less are admitted by a reload');
    is(scalar $node->log_lines(qr/are more than dynamic_topics admits/), 1,
       '... which is said');
    $link = KafkaSSE::Link->new($node, pid => $node->master);
    is($link->seen($name), 'yes', '... and the first goes on');
}


# ---- Kafka is away

{
    $kafka->pause;

    # what was asked for a second ago will not do any more

    $link->listen(1.5);

    my $look = $link->look('some-name');
    my $known = $link->look($name);
    $link->wait(2, 'known', sub { $known->{seen} });
    is($known->{seen}, 'yes', 'what is known is seen while Kafka is away');

    my @many = map { $link->look("many-$_") } 1 .. 1500;
    my $away = sub { scalar grep { ($_->{seen} // '') eq 'away' } @many };
    eval { $link->wait(4, 'some do not wait', sub { $away->() >= 477 }) };
    is($away->(), 1500 - 1023, 'so many wait, and no more');
    is($look->{seen}, undef, '... who are not told anything yet');

    $link->wait(10, 'an answer', sub { $look->{seen} });
    is($look->{seen}, 'away', 'what is not: Kafka is away');
    cmp_ok($look->{took}, '>', 4.5, '... after some seconds');
    cmp_ok($look->{took}, '<', 7 * slow(), '... not many');

    $kafka->resume;
    ok(eval { wait_for(20, 'absent', sub { $link->seen('some-name')
                                           eq 'absent' }, 0.2) },
       'once Kafka is back it is asked again');
}


# ---- a small zone

{
    my $small = KafkaSSE::Node->new(
        kafka => $kafka, redis => 'off', zone => '1m', server => $server,
        cluster => 'dynamic_topics 20;')->start;

    my ($said) = $small->log_lines(qr/\[warn\].*for \d+ of the 20 that/);
    ok($said, 'a zone that is too small for dynamic_topics is told');
    my ($room) = ($said // '') =~ /for (\d+) of the 20/;

    wait_for(10, 'patterns', sub {
        cluster($small)->{dynamic_topics} == $room });
    my $near = KafkaSSE::Link->new($small);
    is($near->seen($name), 'full', "... where $room are there it is full");
    $near->close;
}

finish;
