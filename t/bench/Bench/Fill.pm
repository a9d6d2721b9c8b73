package Bench::Fill;

# How fast the companion brings records from Kafka into the ring: by the whole
# way through Redis, and directly, beside kcat.
#
# All records of a measurement are one transaction: nobody sees any of them
# until it is committed, and then all of them are there.  So the companion runs
# behind as far as it can be while its partitions are live, and what is measured
# is neither the producer nor the start of a node.

use v5.36;

use Time::HiRes qw(time sleep);
use KafkaSSE::Rig qw(build spawn slurp tempdir unique wait_for wait_exit);
use Bench::Rig;

my $partitions = 12;
my $records = $quick ? 480_000 : 3_000_000;


sub new ($class) { bless { name => 'fill' }, $class }


sub measure ($self) {
    my $topic = unique('fill');

    kafka_tool('create', $topic, $partitions);
    redis()->start if !redis()->pid;

    # the companion has the core to itself, the worker is with the others

    my $node = ours(streams => 10, topic => $topic, brokers => brokers());

    $self->{conf} = $node->{conf};
    place($node->{pids}{companion}, $server_core);
    place($node->{pids}{worker}, $other_cores);

    $self->way($node, $topic, 'redis', 0, redis => redis()->pid);
    redis()->kill;
    $self->way($node, $topic, 'direct', $partitions);
    $self->kcat('kcat', $topic);
    $self->kcat('queue', $topic, '-X', 'queued.min.messages=1000000');

    server_stop($node);
    redis()->start;
    kafka_tool('delete', $topic);
}


# One way into the ring.  While it is measured, so many partitions are read
# directly, or it was not this way.

sub way ($self, $node, $topic, $how, $directly, %more) {
    my $start = wait_for(30, "all partitions by $how", sub {
        my $s = status($node);
        @{$s->{partitions}} == $partitions
            && $s->{all}{direct} == $directly
            && ($directly || $s->{cluster}{partitions_assigned} == $partitions)
            && $s;
    });

    my %pids = (companion => $node->{pids}{companion}, kafka => kafka_pid(),
                worker => $node->{pids}{worker}, %more);
    delete $pids{kafka} if !$pids{kafka};

    my $log = tempdir() . '/txn.log';
    my $txn = spawn([ build() . '/tool/kafka', '-b', brokers(), 'txn',
                      'commit', '-n', $records, '-s', $size, $topic ],
                    leash => 1, out => $log);

    my ($first, $last, $other) = (undef, undef, 0);
    my $end = time + 120;

    while (time < $end) {
        my $s = status($node);
        my $now = { time => time, status => $s, busy => core_busy(),
                    records => $s->{all}{records} - $start->{all}{records},
                    cpu => { map { ($_ => cpu_seconds($pids{$_})) }
                                 keys %pids } };

        $other++ if $s->{all}{direct} != $directly;
        $first //= $now if $now->{records};
        $last = $now;

        last if $now->{records} >= $records;
        sleep 0.03;
    }

    my $status = wait_exit($txn, 30);
    die "the transaction failed: " . slurp($log)
        if !defined $status || $status;

    my $n = $last->{records} - ($first // $last)->{records};
    my $for = $first && $last->{time} - $first->{time};
    die "fill, $how: all came at once, nothing is measured\n" if !$n || !$for;

    my %r = (records => $n, seconds => $for, per_s => $n / $for,
             mb_s => $n * $size / $for / 1e6,
             written => $last->{status}{ring}{written}
                        - $first->{status}{ring}{written});

    for my $what (keys %pids) {
        my $cpu = $last->{cpu}{$what} - $first->{cpu}{$what};
        $r{$what} = $cpu / $n * 1e6;
        next if $what ne 'companion';

        $r{busy} = $cpu / $for * 100;
        $r{others} = ($last->{busy} - $first->{busy} - $cpu) / $for;
    }

    $self->check($how, $node, $start, $other);
    $self->done($how, \%r);
}


# Each partition has its share, no record came twice, none was missed.

sub check ($self, $how, $node, $before, $other) {
    my $after = status($node);
    my %had = map { $_->{partition} => $_->{records} }
                  @{$before->{partitions}};

    for my $p (@{$after->{partitions}}) {
        my $n = $p->{records} - $had{$p->{partition}};
        next if $n == $records / $partitions;
        wrong("fill, $how: $n records of partition $p->{partition}");
    }

    for my $what (qw(gaps duplicates)) {
        my $n = $after->{all}{$what} - $before->{all}{$what};
        wrong("fill, $how: $n $what") if $n;
    }

    wrong("fill, $how: it was another way at $other looks\n" . warnings($node))
        if $other;

    return if $how ne 'redis';

    # this number comes with the companion's next tick

    my $n;

    eval {
        wait_for(5, 'the consumer had all', sub {
            $n = status($node)->{cluster}{records_consumed}
                 - $before->{cluster}{records_consumed};
            $n == $records;
        });
    } or wrong("fill, redis: the consumer had $n records");
}


sub warnings ($node) {
    return join '', grep { /\[(?:warn|error|crit|alert|emerg)\]/ }
                    slurp($node->{log}) =~ /(.*\n)/g;
}


# The same topic from its beginning by kcat, into /dev/null: a pipe would make
# it wait for who reads that.  So its output is counted by the kernel, in bytes;
# a few more are what its threads wake each other with.

sub kcat ($self, $how, $topic, @more) {
    my $expected = 2 * $records * ($size + 1);
    my $log = tempdir() . '/kcat.log';
    my $kafka = kafka_pid() && cpu_seconds(kafka_pid());

    my $pid = spawn([ 'taskset', '-c', $server_core, 'kcat', '-C', '-e', '-q',
                      '-b', brokers(), '-t', $topic, '-o', 'beginning',
                      @more ], leash => 1, err => $log);

    my ($first, $from, $bytes);
    my $busy = core_busy();
    my $end = time + 120;

    for ( ;; ) {
        my $over = slurp("/proc/$pid/stat") =~ /\) Z /;

        ($bytes) = slurp("/proc/$pid/io") =~ /^wchar: (\d+)/m;
        ($first, $from) = (time, $bytes) if !$first && $bytes > $size;

        last if $over;
        die "kcat does not end\n" if time > $end;
        sleep 0.01;
    }

    my $last = time;
    my $used = cpu_seconds($pid);
    $busy = core_busy() - $busy - $used;
    my $status = wait_exit($pid, 5);
    my $n = ($bytes - $from) / ($size + 1);

    die "kcat: status $status: " . slurp($log) if $status || $n <= 0;

    wrong("fill, $how: $bytes bytes, not $expected")
        if $bytes < $expected || $bytes > $expected * 1.01;

    my $for = $last - $first;

    $self->done($how, {
        records => $n, seconds => $for, per_s => $n / $for,
        mb_s => $n * $size / $for / 1e6,
        companion => $used / $n * 1e6, busy => $used / $for * 100,
        others => $busy / $for,
        $kafka ? (kafka => (cpu_seconds(kafka_pid()) - $kafka)
                           / $n * 1e6) : (),
    });
}


my %names = (
    kcat   => 'kcat -C -e -q',
    queue  => 'kcat, large queue',
    direct => 'ours, directly',
    redis  => 'ours, through Redis',
);


sub done ($self, $how, $r) {
    push @{$self->{$how}}, $r;

    printf "  %-22s %9s records in %6.2f s, %s/s, %5.2f us each%s\n",
        $names{$how}, commas($r->{records}), $r->{seconds},
        commas($r->{per_s}), $r->{companion}, say_others($r->{others});
}


my @columns = (
    [ 'per_s',     'records/s', '',         'commas' ],
    [ 'mb_s',      'MB/s',      '',         '%.0f' ],
    [ 'busy',      '% of its',  'core',     '%.0f' ],
    [ 'companion', 'us/record', 'itself',   '%.2f' ],
    [ 'redis',     'us/record', 'Redis',    '%.2f' ],
    [ 'kafka',     'us/record', 'Kafka',    '%.2f' ],
    [ 'worker',    'us/record', 'worker',   '%.2f' ],
);


sub finish ($self) {
    my %m;

    for my $how (grep { $self->{$_} } keys %names) {
        $m{$how} = { map { my $k = $_->[0];
                           ($k => median(map { $_->{$k} } @{$self->{$how}})) }
                     @columns };
    }

    say "Kafka to ring: ", commas($records), " records of $size bytes in ",
        "$partitions partitions, there at once\n(one transaction), nobody ",
        "streams.  Companion, or kcat, on core $server_core, all else on\n",
        "$other_cores.  From the first record to the last.  kcat reads both ",
        "ways' records; its queue\nis 100,000 records, the large one a ",
        "million.\n";

    line('', map { $_->[1] } @columns);
    line('', map { $_->[2] } @columns);

    for my $how (grep { $m{$_} } qw(kcat queue direct redis)) {
        line($names{$how}, map { cell($_->[3], $m{$how}{$_->[0]}) } @columns);
    }

    for my $than (grep { $m{$_} } qw(kcat queue)) {
        say "\nas a multiple of $names{$than}";

        for my $how (grep { $m{$_} } qw(direct redis)) {
            say_ratio("  $names{$how}", $m{$how}, $m{$than},
                      map { $_->[0] } @columns);
        }
    }

    return { records => $records, partitions => $partitions, median => \%m,
             conf => $self->{conf},
             map { $_ => $self->{$_} } grep { $self->{$_} } keys %names };
}


1;
