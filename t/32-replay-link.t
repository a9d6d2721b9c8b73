# What the companion answers on the link: replays of what only Kafka has.  The
# test is the worker, without nginx's.

# alone: it lets the Kafka that all have pause

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Link;
use Time::HiRes qw(time);

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

my $n = 200_000;
my $many = $kafka->topic('replay', partitions => 12);
my $ends = $kafka->topic('replay', partitions => 5);

$kafka->fill($many, n => $n, size => 200);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, server => <<"END")->start;
location /many { kafka_sse $many; }
location /ends { kafka_sse $ends; }
location /status { kafka_sse_status json; }
END

$node->ready([ $many, $ends ]);

my $link = KafkaSSE::Link->new($node);
my @twelve = (0 .. 11);

# not so long ago that Kafka deletes what is as old

my $then = int(time) * 1000 - 3_600_000;


# The i-th record of "fill" is in partition i mod 12.

sub check ($replay, $ask, $offset, $key, $value) {
    my $i = $offset * 12 + $ask->{partition};
    return $key eq "k$i" && $value =~ /^\{"n":$i,/ && length $value == 200;
}

sub offsets ($what, @replays) {
    $link->wait(10, "$what: offsets",
                sub { !grep { !$_->{offsets} } @replays });
}

sub ended ($what, @replays) {
    return eval {
        $link->wait(30, "$what: all ends",
                    sub { !grep { !$_->ended } @replays });
    } || do { diag($@, json_encode([ map { $_->{asks} } @replays ])); 0 };
}

sub replays () { return $node->status->{replays} }

# one that fails leaves the others their turn

sub row ($name, $code) {
    ok(eval { $code->(); 1 }, $name)
        and return;

    diag($@, $node->errors);
    $link->close;
    $link = KafkaSSE::Link->new($node);
}

# nothing of earlier rows is open

sub close_all (@replays) {
    $_->close for @replays;
    wait_for(5, 'all replays are closed', sub {
        my $now = replays();
        $now->{active} == 0 && $now->{waiting} == 0;
    });
}


# ---- offsets

row('offsets', sub {
    $kafka->fill($ends, n => 100, partition => 0);
    $kafka->txn($ends, n => 10, partition => 0);
    $kafka->fill($ends, n => 20, partition => 1);
    $kafka->txn($ends, n => 10, partition => 1, commit => 0);
    $kafka->produce([ map { { topic => $ends, partition => 2, value => "v$_",
                              timestamp => $then + 1000 * $_ } }
                          0 .. 99 ]);
    $kafka->fill($ends, n => 50, partition => 3);
    $kafka->delete_records($ends, 3, 30);

    my $pid = KafkaSSE::Rig::spawn(
        [ KafkaSSE::Rig::build() . '/tool/kafka', '-b', $kafka->address,
          qw(txn commit -n 0 -r 200 -p 1), $ends ], leash => 1,
        out => KafkaSSE::Rig::tempdir() . '/txn');

    my $open;
    wait_for(10, 'a transaction is open', sub {
        $open = $kafka->offsets($ends)->{$ends}[1];
        $open->{high} > 31;
    });

    my $replay = $link->open($ends, [ 0 .. 4 ]);
    offsets('of all kinds', $replay);

    my @offsets = @{$replay->{offsets}};

    is_deeply($offsets[0], { low => 0, high => 111, at => -1 },
              'the end is behind a committed transaction')
        or diag(json_encode(\@offsets));
    is_deeply($offsets[1], { low => 0, high => 31, at => -1 },
              '... and before an open one')
        or diag(json_encode([ @offsets, $open ]));
    is_deeply($offsets[3], { low => 30, high => 50, at => -1 },
              'the beginning is behind deleted records');
    is_deeply($offsets[4], { low => 0, high => 0, at => -1 },
              'an empty partition has both');

    $replay->read_all->credit(1_000_000);
    ok(ended('with transactions', $replay), 'all of it is read');
    is(join(' ', map { $_->{n} } @{$replay->{asks}}), '110 20 100 20 0',
       'only committed records come');
    is(join(' ', map { $_->{end} } @{$replay->{asks}}), '111 31 100 50 0',
       'each end is where Kafka says');
    is($replay->faults, 0, '... and no fault');

    kill TERM => $pid;
    is(KafkaSSE::Rig::wait_exit($pid, 20), 0, 'the transaction is committed');

    $link->wait(10, 'its records', sub {
        my $ask = $replay->{asks}[1];
        $ask->{n} > 20 && defined $ask->{end};
    });
    is($replay->{asks}[1]{end}, $kafka->offsets($ends)->{$ends}[1]{high},
       'what is committed later comes, and another end');
    is($replay->{asks}[0]{ends}, 1, '... but none where there was nothing');

    # DeleteRecords while it is read, and below where it is read

    $replay->read(3 => 10);
    $link->wait(10, 'gone', sub { $replay->{asks}[3]{gone} });
    is($replay->{asks}[3]{n}, 20, 'what was deleted is gone');
    $replay->read(3 => 45);
    $link->wait(10, 'the rest', sub { defined $replay->{asks}[3]{end} });
    is($replay->{asks}[3]{n}, 25, '... and what is there is read');
    $replay->read(4 => 7);
    $link->wait(10, 'gone', sub { $replay->{asks}[4]{gone} });
    ok(!defined $replay->{asks}[4]{end}, 'behind the end is gone, too');

    my @at = map {
        my $replay = $link->open($ends, [ 2, 0 ], times => [ $_, -1 ]);
        offsets("time $_", $replay);
        $replay->close;
        $replay->{offsets}[0]{at};
    } 0, $then + 42_000, $then + 42_001, $then + 99_001;

    is("@at", '0 42 43 100', 'a time is the first record of then or later');

    my $other = $link->open($ends, [ 0, 4 ], times => [ 0, 0 ]);
    offsets('times', $other);
    is($other->{offsets}[1]{at}, 0, '... the end, where there is none');

    close_all($replay, $other);
});


# ---- what is refused

row('what is refused', sub {
    my $unknown = $link->open('no-such-topic', [ 0 ]);
    my $cluster = $link->open($many, [ 0 ], cluster => 'other');
    $unknown->credit(1)->stop(0)->close;

    $link->wait(5, 'refused',
                sub { $unknown->{refused} && $cluster->{refused} });
    is($unknown->{refused}, 1, 'a topic that is not configured is refused');
    is($cluster->{refused}, 1, '... and a cluster');

    for my $case (
        [ 'an offset below 0', sub ($link) {
              my $replay = $link->open($many, [ 0 ]);
              $link->wait(5, 'offsets', sub { $replay->{offsets} });
              $replay->read(0 => -1) } ],
        [ 'an ask that is not there', sub ($link) {
              my $replay = $link->open($many, [ 0 ]);
              $link->wait(5, 'offsets', sub { $replay->{offsets} });
              $replay->read(1 => 0) } ],
        [ 'to read before the offsets', sub ($link) {
              $link->open($many, [ 0 ])->read(0 => 0) } ],
        [ 'a number twice', sub ($link) {
              $link->open($many, [ 0 ], number => 3);
              $link->open($many, [ 0 ], number => 3) } ],
        [ 'an OPEN of nothing', sub ($link) {
              $link->open($many, []) } ],
        [ 'another version', sub ($link) {
              $link->raw(pack 'LSSLL', 16, 5, 1, 1, 0) } ],
    ) {
        my ($what, $say) = @$case;
        my $link = KafkaSSE::Link->new($node);

        $say->($link);
        ok($link->wait_closed, "$what ends the link");
    }

    $node->expect(qr/a worker's message of type \d+ .* makes no sense/,
                  qr/what came on the link is no message/);

    close_all();
    is(replays()->{active}, 0, 'a link that ends closes its replays');
});


SKIP: {
    skip 'not root', 1 if $< != 0;

    my $own = (stat '/proc/' . $node->companion)[4];
    my $stranger = KafkaSSE::Link->new($node, uid => $own + 1);

    ok($stranger->wait_closed, 'a process of another user is not let in');
    $node->expect(qr/process of another user has connected/);
}


# ---- everything, once and in order, by four who want the same

row('everything, once and in order, by four who want the same', sub {
    my @replays = map {
        $link->open($many, \@twelve, auto => 256 * 1024, check => \&check);
    } 1 .. 4;

    offsets('four', @replays);

    my $before = replays()->{records};
    my $began = time;
    $_->read_all for @replays;

    ok(ended('four', @replays), 'four replays read all of it');
    my $took = time - $began;

    for my $i (0 .. 3) {
        is($replays[$i]{n}, $n, "all records of replay $i");
        is($replays[$i]->faults, 0, '... once, in order, whole');
        ok(!$replays[$i]{over}, '... never without credit');
    }

    is(replays()->{records} - $before, 4 * $n, 'the status counts them');
    note(sprintf '4 equal replays: %.0f records/s each', $n / $took);

    close_all(@replays);
});


# ---- each from another place and with little credit

row('each from another place and with little credit', sub {
    my @replays = map {
        $link->open($many, \@twelve, auto => 4096 * $_, check => \&check)
    } 1 .. 6;

    offsets('six', @replays);

    my $silent = $link->open($many, \@twelve);
    offsets('silent', $silent);
    $silent->read(map { $_ => 100 } @twelve);

    my $k = 0;

    for my $replay (@replays) {
        my $from = 10_000 + 1000 * $k++;
        $replay->read(map { $_ => $from + 3 * $_ } 0 .. $#twelve);
    }

    ok(ended('six', @replays), 'six replays that begin elsewhere');

    for my $i (0 .. 5) {
        my $want = 0;
        $want += $replays[$i]{offsets}[$_]{high} - 10_000 - 1000 * $i - 3 * $_
            for 0 .. $#twelve;

        is($replays[$i]{n}, $want, "all records of replay $i");
        is($replays[$i]->faults, 0, '... once, in order, whole');
        ok(!$replays[$i]{over}, '... never without credit');
    }

    is($silent->{n}, 0, 'who grants nothing gets nothing');
    $silent->credit(1);
    $link->wait(5, 'a record', sub { $silent->{n} });
    $link->listen(0.3);
    is($silent->{n}, 1, '... and one record for one byte');

    close_all(@replays, $silent);
});


# ---- stop, and again

row('stop, and again', sub {
    my $replay = $link->open($many, [ 0, 1 ], auto => 20_000,
                             check => \&check);
    offsets('two', $replay);

    $replay->read(0 => 5, 1 => 7);
    $link->wait(5, 'both', sub { !grep { !$_->{n} } @{$replay->{asks}} });
    $replay->stop(0);
    $replay->credit(10_000_000);
    $link->wait(10, 'the end', sub { defined $replay->{asks}[1]{end} });
    ok(!defined $replay->{asks}[0]{end}, 'an ask that is stopped is not read');

    my $next = $replay->{asks}[0]{next};
    my $had = $replay->{asks}[0]{n};
    $replay->read(0 => 11);
    $link->wait(10, 'the end', sub { defined $replay->{asks}[0]{end} });
    is($replay->{asks}[0]{n} - $had, $replay->{offsets}[0]{high} - 11,
       '... and is read again from where it is told');
    is($replay->faults, 0, '... without fault');

    close_all($replay);
});


# ---- the line

row('the line', sub {
    my @replays = map { $link->open($many, [ 0 ], concurrent => 1) } 0 .. 3;

    offsets('the first', $replays[0]);
    $link->listen(0.3);
    is(scalar(grep { $_->{offsets} } @replays), 1, 'one at a time');
    is_deeply({ %{replays()}{qw(active waiting)} },
              { active => 1, waiting => 3 }, '... as the status says');

    $replays[2]->close;
    $replays[0]->close;
    offsets('the second', $replays[1]);
    ok(!$replays[3]{offsets}, 'first come, first served');

    my $other = KafkaSSE::Link->new($node);
    my $last = $other->open($many, [ 0 ], concurrent => 2);

    $replays[1]->close;
    offsets('the fourth', $replays[3]);
    ok(!$replays[2]{offsets}, 'who has left the line has no turn');
    $other->wait(5, 'the line is the node\'s', sub { $last->{offsets} });
    pass('another link is in the same line');

    $other->close;
    close_all(@replays[1, 3]);
});


# ---- rate

row('rate', sub {
    my $replay = $link->open($many, \@twelve, rate => 500, check => \&check);
    offsets('slow', $replay);

    $replay->read_all->credit(100_000_000);
    $link->wait(5, 'the first', sub { $replay->{n} });
    $link->listen(3);

    cmp_ok($replay->{n}, '<=', 500 + 3.2 * 500, 'a rate is kept');
    cmp_ok($replay->{n}, '>=', 500 + 2.5 * 500, '... and made use of');
    is($replay->faults, 0, '... without fault');

    close_all($replay);
});


# ---- a large record

row('a large record', sub {
    my $at = $kafka->offsets($ends)->{$ends}[4]{high};
    $kafka->produce({ topic => $ends, partition => 4, value => 'x' x 900_000 });
    $kafka->produce({ topic => $ends, partition => 4, value => 'y' });

    my $replay = $link->open($ends, [ 4 ]);
    offsets('large', $replay);
    $replay->read(0 => $at)->credit(100);
    $link->wait(10, 'a large record', sub { $replay->{n} });
    $link->listen(0.2);
    is($replay->{n}, 1, 'a record larger than the credit is sent');

    $replay->credit(900_000);
    $link->wait(10, 'the next', sub { $replay->{n} == 2 });
    ok(defined $replay->{asks}[0]{end} || $link->wait(5, 'the end',
           sub { defined $replay->{asks}[0]{end} }), '... and is paid for');

    close_all($replay);
});


# ---- Kafka is away

row('Kafka is away', sub {
    $kafka->pause;
    my $replay = $link->open($many, [ 3 ]);
    my $given_up = $link->open($many, [ 4 ]);

    $link->listen(1);
    ok(!$replay->{offsets}, 'without Kafka there are no offsets');
    $given_up->close;

    $kafka->resume;
    offsets('Kafka is back', $replay);
    is($replay->{offsets}[0]{low}, 0, '... but once it is back');
    ok(!$given_up->{offsets}, '... for who still wants them');

    close_all($replay);
});


# ---- the companion dies, and is replaced

row('the companion dies, and is replaced', sub {
    my $replay = $link->open($many, [ 0 ], check => \&check);
    offsets('before', $replay);
    $replay->read(0 => 0)->credit(1000);
    $link->wait(5, 'some', sub { $replay->{n} });

    my $pid = $node->companion;
    $node->kill_process($pid);
    ok($link->wait_closed, 'a companion that is killed closes the link');

    my $new = KafkaSSE::Link->new($node);
    my $again = $new->open($many, [ 0 ], auto => 100_000, check => \&check);
    $new->wait(10, 'offsets', sub { $again->{offsets} });
    is(replays()->{active}, 1, 'the next one lets us in');

    $again->read(0 => $replay->{asks}[0]{next});
    $new->wait(10, 'the end', sub { defined $again->{asks}[0]{end} });
    is($replay->{n} + $again->{n}, $again->{offsets}[0]{high},
       '... and goes on where the other one was');
    is($again->faults, 0, '... without fault');

    $node->reload;
    ok($new->wait_closed, 'a companion that is replaced closes the link');

    my $last = KafkaSSE::Link->new($node, pid => $node->master);
    my $third = $last->open($many, [ 0 ]);
    $last->wait(10, 'offsets', sub { $third->{offsets} });
    pass('... and the new one lets us in');
    $last->close;
});

finish;
