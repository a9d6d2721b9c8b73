package KafkaSSE::Kafka;

# A real broker on loopback.  Kafka->shared is the one of this test run: "make
# test" has started it, or the test file that first asks for it does.
# Kafka->new is a broker of the test's own, for what hurts.

use v5.36;

use MIME::Base64 'encode_base64url';
use KafkaSSE::Rig qw(top build tempdir free_port wait_for slow run spawn slurp
                     spew unique at_end json_decode json_encode alive);

my $shared;


sub new ($class, %opt) {
    my $self = bless {
        port => $opt{port} // free_port(),
        controller => $opt{controller} // free_port(),
        dir => ($opt{dir} // tempdir()) . '/' . unique('kafka'),
        properties => $opt{properties} // '',
        heap => $opt{heap} // '512m',
        shared => $opt{shared},
        conf => $opt{conf},
        format => $opt{format} // [],
        version => $opt{version},
        cluster_id => $opt{cluster_id} // _id(),
    }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!";

    $self->_format;
    $self->start if $opt{start} // 1;

    at_end(sub { $self->kill }) if !$self->{shared};

    return $self;
}


sub shared ($class) {
    return $shared if $shared;

    my $file = $ENV{KAFKA_SSE_TEST_KAFKA};

    if (!defined $file) {
        return $shared = $class->new;
    }

    $shared = bless json_decode(slurp($file)), $class;
    $shared->{file} = $file;

    # a test may have stopped it and died

    if (!alive($shared->{pid})) {
        $shared->{pid} = undef;
        $shared->start;

    } else {
        CORE::kill CONT => $shared->{pid};
    }

    at_end(sub { CORE::kill CONT => $shared->{pid} if $shared->{pid} });

    return $shared;
}


# for "make test": what ->shared of the test files will read

sub save ($self, $file) {
    $self->{file} = $file;
    my %state = %$self{qw(port controller dir properties heap shared file
                             pid)};
    spew("$file.new", json_encode(\%state));
    rename "$file.new", $file or die "$file: $!";
}


# version: "3.9", or undef for the one that all others are

sub jars ($version = undef) {
    state %jars;
    my $what = defined $version ? "kafka-$version" : 'kafka';

    $jars{kafka} //= $ENV{KAFKA_SSE_TEST_JARS};

    return $jars{$what} //= do {
        my $r = run([ top() . '/t/setup', $what ], timeout => 600);
        die "t/setup $what: $r->{err}" if $r->{status};
        $r->{out} =~ s/\s+\z//r;
    };
}


# the librdkafka that the tests, and nginx, run with: 2.6.1 is 2006001

sub librdkafka {
    state $version = do {
        my $r = run([ build() . '/tool/kafka', 'version' ], timeout => 10);
        $r->{out} =~ /"(\d+)\.(\d+)\.(\d+)/ or die "no version: $r->{err}";
        $1 * 1_000_000 + $2 * 1_000 + $3;
    };
    return $version;
}


sub has_oidc ($class) {
    my $r = run([ build() . '/tool/kafka', '-X',
                  'sasl.oauthbearer.method=oidc', '-b', '127.0.0.1:1',
                  'ping', '0' ], timeout => 10);
    return $r->{err} !~ /not supported in this build/;
}


sub java ($self, @args) {
    return ('java', "-Xmx$self->{heap}", '-XX:+UseSerialGC',
            '-XX:TieredStopAtLevel=1', '-Xshare:auto',
            '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
            '-cp', jars($self->{version}) . '/*', @args);
}


sub _id {
    my $id = encode_base64url(pack 'n8', map { int rand 65536 } 1 .. 8);
    return $id =~ s/^-/A/r;
}


sub _format ($self) {
    my $conf = $self->{conf}
               // slurp(top() . '/t/rig/kafka-plain.properties');

    $conf =~ s/\bPORT092\b/$self->{port}/g;
    $conf =~ s/\bPORT093\b/$self->{controller}/g;
    $conf =~ s/\bDIR\b/$self->{dir}/g;
    $conf .= "\n$self->{properties}\n";

    spew("$self->{dir}/kafka.properties", $conf);

    my $r = run([ $self->java('kafka.tools.StorageTool', 'format',
                              '-t', $self->{cluster_id},
                              '-c', "$self->{dir}/kafka.properties",
                              @{$self->{format}}) ],
                timeout => 60);

    die "Kafka's format failed:\n$r->{out}$r->{err}" if $r->{status};
}


# wait => 0: it may need others to be able to answer

sub start ($self, %opt) {
    $self->{pid} = spawn([ $self->java('kafka.Kafka',
                                       "$self->{dir}/kafka.properties") ],
                         out => "$self->{dir}/kafka.log",
                         $self->{shared} ? (keep => 1) : (leash => 1));

    return $self if !($opt{wait} // 1);

    my $r = $self->_tool([ 'ping', 60 * slow() ],
                         timeout => 70);

    if ($r->{status}) {
        die "Kafka does not answer: $r->{err}\n" . $self->log;
    }

    $self->save($self->{file}) if $self->{file};

    return $self;
}


sub log ($self, $lines = 30) {
    my @log = split /\n/, slurp("$self->{dir}/kafka.log");
    splice @log, 0, -$lines if @log > $lines;
    return join '', map { "$_\n" } @log;
}


# Stops in order.  (A broker that is paused is woken: it could not hear.)

sub stop ($self) {
    return if !$self->{pid};

    CORE::kill CONT => $self->{pid};
    CORE::kill TERM => $self->{pid};
    $self->_gone(30) // $self->kill;
    $self->{pid} = undef;
}


sub kill ($self) {
    return if !$self->{pid};

    CORE::kill(KILL => $self->{pid});
    $self->_gone(10) // die "Kafka survives kill -9";
    $self->{pid} = undef;
}


sub _gone ($self, $seconds) {
    my $pid = $self->{pid};
    return eval { wait_for($seconds, 'Kafka ends', sub { !alive($pid) }) };
}


sub restart ($self) { $self->kill; $self->start }
sub pause ($self)   { CORE::kill(STOP => $self->{pid}) }
sub resume ($self)  { CORE::kill(CONT => $self->{pid}) }
sub pid ($self)     { $self->{pid} }
sub address ($self) { "127.0.0.1:$self->{port}" }


sub _tool ($self, $args, %opt) {
    return run([ build() . '/tool/kafka', '-b', $self->address, @$args ],
               timeout => 60, %opt);
}


# Runs the tool; the answer is its output, decoded: one value for each line.

sub tool ($self, $args, %opt) {
    my $r = $self->_tool($args, %opt);

    die "kafka @$args: $r->{err}" if $r->{status};

    my @answer = map { json_decode($_) } split /\n/, $r->{out};

    return wantarray ? @answer : $answer[-1];
}


# Creates a topic with a name of its own and returns the name.

sub topic ($self, $prefix = 'topic', %opt) {
    my $name = $opt{name} // unique($prefix);
    $self->create($name, %opt);
    return $name;
}


sub create ($self, $name, %opt) {
    my $config = $opt{config} // {};

    $self->tool([ 'create', $name, $opt{partitions} // 1,
                  map { "$_=$config->{$_}" } sort keys %$config ]);
}


sub delete ($self, @topics)  { $self->tool([ 'delete', @topics ]) }
sub offsets ($self, @topics) { scalar $self->tool([ 'offsets', @topics ]) }
sub group ($self, $name)     { scalar $self->tool([ 'group', $name ]) }
sub digest ($self, @topics)  { scalar $self->tool([ 'digest', @topics ]) }
sub runs ($self, @topics)    { $self->tool([ 'runs', @topics ], timeout => 90) }

sub partitions ($self, $topic, $n) {
    $self->tool([ 'partitions', $topic, $n ]);
}

sub committed ($self, $name, @topics) {
    return scalar $self->tool([ 'committed', $name, @topics ]);
}

sub delete_records ($self, $topic, $partition, $before) {
    $self->tool([ 'delete-records', $topic, $partition, $before ]);
}


# All records of the topics, bytes decoded: { topic, partition, offset,
# timestamp, key, value, headers => [ [ name, value ], ... ] }

sub consume ($self, @topics) {
    my @records = $self->tool([ 'consume', @topics ]);

    for my $record (@records) {
        for my $bytes (\(@$record{qw(key value)}),
                       map { \(@$_) } @{$record->{headers}})
        {
            $$bytes = pack 'H*', $$bytes if defined $$bytes;
        }
    }

    return @records;
}


sub _word ($bytes) {
    return !defined $bytes ? '-' : $bytes eq '' ? '.' : unpack 'H*', $bytes;
}


# Produces records: { topic, partition, key, value, headers => [ [ name,
# value ], ... ], timestamp }.  Returns where they are in Kafka, in order.

sub produce ($self, $records, %opt) {
    my $in = '';

    for my $r (ref $records eq 'ARRAY' ? @$records : $records) {
        my $headers = join ',', map { _word($_->[0]) . ':' . _word($_->[1]) }
                                    @{$r->{headers} // []};

        $in .= join(' ', $r->{topic}, $r->{partition} // 0, _word($r->{key}),
                    _word($r->{value}), $headers eq '' ? '-' : $headers,
                    $r->{timestamp} // ()) . "\n";
    }

    return $self->tool([ 'produce', $opt{codec} ? ('-z', $opt{codec}) : () ],
                       in => $in);
}


sub _load ($opt) {
    my %letter = (n => '-n', size => '-s', rate => '-r', codec => '-z',
                  start => '-S', partition => '-p', burst => '-B',
                  keys => '-k', each => '-T');

    return map { ($letter{$_} // die("fill: $_?"), $opt->{$_}) }
               sort grep { defined $opt->{$_} } keys %$opt;
}


# Numbered records, see t/tool/kafka.c: n, size, rate, codec, start, partition

sub fill ($self, $topics, %opt) {
    return scalar $self->tool([ 'fill', _load(\%opt),
                                ref $topics ? @$topics : $topics ]);
}


# commit => 0 aborts

sub txn ($self, $topics, %opt) {
    my $how = delete $opt{commit} // 1 ? 'commit' : 'abort';

    return scalar $self->tool([ 'txn', $how, _load(\%opt),
                                ref $topics ? @$topics : $topics ]);
}


# The same in the background; ->finish ends it and returns what it did.
# each => n: in transactions of so many, some of which are aborted;
# properties => { ... } of librdkafka.

sub filling ($self, $topics, %opt) {
    my $out = tempdir() . '/' . unique('fill');

    $opt{n} //= 0;

    my $properties = delete $opt{properties} // {};

    my $pid = spawn([ build() . '/tool/kafka', '-b', $self->address,
                      (map { ('-X', "$_=$properties->{$_}") }
                           sort keys %$properties),
                      $opt{each} ? 'txns' : 'fill', _load(\%opt), ref $topics ? @$topics : $topics ],
                    out => $out, leash => 1);

    return bless { pid => $pid, out => $out, n => $opt{n} },
           'KafkaSSE::Kafka::Filling';
}


package KafkaSSE::Kafka::Filling {

    sub finish ($self, $seconds = 70) {
        CORE::kill(TERM => $self->{pid}) if $self->{n} == 0;

        my $status = KafkaSSE::Rig::wait_exit($self->{pid}, $seconds);
        my $out = KafkaSSE::Rig::slurp($self->{out});

        if (!defined $status || $status) {
            CORE::kill(KILL => $self->{pid}) if !defined $status;
            die "the producer failed: $out";
        }

        return KafkaSSE::Rig::json_decode(
                   (grep { /^\{/ } split /\n/, $out)[-1]);
    }
}


1;
