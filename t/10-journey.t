# One node: a record's whole way from Kafka to a client, for every kind of
# key, header, codec and value, in each form of data.

use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 'encode_base64';
use POSIX 'strftime';
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;

# their timestamps are of the past: Kafka must not think them outdated

my $config = { 'max.message.bytes' => 3_000_000, 'retention.ms' => -1 };
my $topic = $kafka->topic('journey', partitions => 4, config => $config);
my $other = $kafka->topic('other.with_all-marks', partitions => 2);

my $name = '$kafka_sse_topic/${kafka_sse_partition}:$kafka_sse_offset'
         . '|$kafka_sse_key|$kafka_sse_timestamp|$kafka_sse_header_event_type';

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, zone => '32m',
    server => <<"END")->start;
location /value { kafka_sse $topic; }
location /envelope { kafka_sse $topic; kafka_sse_data envelope; }
location /cloudevents { kafka_sse $topic; kafka_sse_data cloudevents; }
location /named {
    kafka_sse $topic;
    kafka_sse_data envelope;
    kafka_sse_event $name;
}
location /renamed {
    kafka_sse public=$topic cluster=main;
    kafka_sse_event \$kafka_sse_topic;
    kafka_sse_data envelope;
}
location /both { kafka_sse $topic $other; kafka_sse_data envelope; }
location /other { kafka_sse $other; kafka_sse_data envelope; }
END

$node->ready([ $topic, $other ]);

# (One who falls behind a burst of large records is closed, and comes back.)

my @paths = qw(value envelope cloudevents named renamed both other);
my %sse = map { $_ => $node->sse("/$_", reconnect => 0.05) } @paths;
$_->wait_position for values %sse;


# ---- the records: bytes, as Kafka has them

sub bytes ($text) { utf8::encode(my $bytes = $text); return $bytes }

my @values = (
    '', 'x', '{"a":1,"b":[true,null]}', "{\n\"a\":\r\n1}", '"quoted \\ text"',
    bytes("é € 😀 \x{2028} \x{feff}"), bytes("\x{feff}starts with a BOM"),
    "a\nb", "a\rb", "a\r\nb", "a\n\rb", "\n", "\r", "\r\n", "a\n", "\nb",
    "a\n\nb", "a\r\n\r\n", ' leads and trails ', "\ttab", 'data: x', ':colon',
    "id: 1.AAAA\n\nevent: forged\ndata: x\n\n", "\x01\x1f\x7f control",
    "nul\0nul", "\0", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80",
    "\xf4\x90\x80\x80", "cut \xe2\x82", "\x80", undef,
    'x' x 70_000, bytes('€' x 100_000), join("\n", 1 .. 20_000),
    'y' x 1_048_576, "\0" . 'z' x 1_048_575,
);

my @keys = ('key', undef, '', bytes('ключ'), "a\nb\r\nc", "bin\0\xff",
            '"\\', 'k' x 2000);

my @headers = (
    [],
    [ [ 'event-type', 'placed' ] ],
    [ [ 'a', '1' ], [ 'b', '' ], [ 'c', undef ] ],
    [ [ 'same', '1' ], [ 'same', undef ], [ 'same', "\xff\0" ] ],
    [ [ bytes('имя'), bytes('значение') ], [ '"\\', "\r\n\t" ] ],
    [ [ 'Event-Type', "for\nged" ] ],
    [ [ 'event_type', "bad \xff" ] ],
    [ [ 'long', 'h' x 5000 ] ],
);

my @codecs = ('none', 'gzip', 'snappy', 'lz4', 'zstd');
my $n = 0;


for my $codec (@codecs) {
    my @batch;

    for my $i (0 .. $#values) {

        # what is large comes once: Perl's JSON is slow

        next if length($values[$i] // '') > 10_000
                && $codecs[$i % @codecs] ne $codec;

        push @batch, {
            topic => $topic, partition => $n % 4, value => $values[$i],
            key => $keys[$n % @keys], headers => $headers[$n / 4 % @headers],
            timestamp => 1_700_000_000_000 + 61_001 * $n,
        };
        $n++;
    }

    $kafka->produce(\@batch, codec => $codec);
}

$kafka->fill($other, n => 500, codec => 'lz4');

$sse{$_}->wait_records($n, 30) for qw(value envelope cloudevents named renamed);
$sse{both}->wait_records($n + 500, 30);
$sse{other}->wait_records(500, 30);


# ---- what each must have become

my @records = $kafka->consume($topic);
is(scalar @records, $n, "$n records are in Kafka");


sub text ($bytes) {
    return undef if !defined $bytes || $bytes =~ /\0/;

    # strictly: what Perl itself would let pass is not UTF-8 for others

    require Encode;
    my $copy = $bytes;
    return eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK()) };
}


sub envelope ($r, $name = $r->{topic}) {
    my %e = (topic => $name, partition => $r->{partition},
             offset => $r->{offset}, timestamp => $r->{timestamp},
             headers => {});

    for my $field (qw(key value)) {
        my $bytes = $r->{$field};
        my $text = text($bytes);
        $e{$field} = $text // (defined $bytes ? encode_base64($bytes, '')
                                              : undef);
        $e{$field eq 'key' ? 'key_encoding' : 'encoding'} = 'base64'
            if defined $bytes && !defined $text;
    }

    my %values;

    for my $h (@{$r->{headers}}) {
        my ($name, $bytes) = @$h;
        push @{$values{text($name)}}, !defined $bytes ? undef
            : text($bytes) // { base64 => encode_base64($bytes, '') };
    }

    $e{headers} = { map { $_ => @{$values{$_}} > 1 ? $values{$_}
                                                   : $values{$_}[0] }
                        keys %values };

    return \%e;
}


sub lines ($text) { $text =~ s/\r\n?/\n/gr }


sub as_value ($r) {
    my $text = text($r->{value});

    return [ 'delete', lines(text($r->{key}) // '') ]
        if !defined $r->{value};
    return [ 'binary', envelope($r) ] if !defined $text;
    return [ 'message', lines($text) ];
}


sub cloudevent ($r) {
    my %e = (specversion => '1.0', id => "$r->{partition}:$r->{offset}",
             source => "/kafka/main/$r->{topic}", type => 'kafka.record');

    my $key = text($r->{key});
    $e{subject} = $key if defined $key && $key ne '';

    $e{time} = strftime('%Y-%m-%dT%H:%M:%S', gmtime($r->{timestamp} / 1000))
             . sprintf('.%03dZ', $r->{timestamp} % 1000);

    my $value = $r->{value};
    my $text = text($value);
    my $json = defined $text ? eval { [ JSON::PP->new->allow_nonref
                                        ->decode($text) ] } : undef;

    if ($json) {
        @e{qw(datacontenttype data)} = ('application/json', $json->[0]);
    } elsif (defined $text) {
        @e{qw(datacontenttype data)} = ('text/plain', $text);
    } elsif (defined $value) {
        @e{qw(datacontenttype data_base64)}
            = ('application/octet-stream', encode_base64($value, ''));
    }

    return [ defined $value ? 'message' : 'delete', \%e ];
}


# The name of an event: no line ends, no NUL, "?" for what is not UTF-8.

sub clean ($bytes) {
    my $text = text(my $copy = ($bytes // '') =~ tr/\r\n\0//dr);
    return $text if defined $text;

    $bytes =~ tr/\r\n\0//d;
    require Encode;
    return Encode::decode('UTF-8', $bytes,
                          sub { join '', map { '?' } @_ });
}


sub header ($r, $want) {
    my ($value) = map { $_->[1] }
                  grep { lc($_->[0]) =~ tr/-/_/r eq $want }
                  reverse @{$r->{headers}};
    return clean($value);
}


sub named ($r) {
    my $name = "$r->{topic}/$r->{partition}:$r->{offset}|" . clean($r->{key})
             . "|$r->{timestamp}|" . header($r, 'event_type');

    return [ defined $r->{value} ? $name : 'delete', envelope($r) ];
}


# ---- what came

sub place ($r) { "$r->{topic}/$r->{partition}:$r->{offset}" }


sub same ($a, $b) {
    return !defined $a && !defined $b if !defined $a || !defined $b;
    return 0 if ref $a ne ref $b;

    if (ref $a eq 'ARRAY') {
        return @$a == @$b && !grep { !same($a->[$_], $b->[$_]) } 0 .. $#$a;
    }

    if (ref $a eq 'HASH') {
        return keys %$a == keys %$b
            && !grep { !exists $b->{$_} || !same($a->{$_}, $b->{$_}) } keys %$a;
    }

    return $a eq $b;
}


# The partition's records come in order, each once, each with an id that says
# so; the n-th event of a partition is its n-th record.

sub compare ($path, $expected, @records) {
    my @events = $sse{$path}->records;
    my %queue;
    my @wrong;

    push @{$queue{$_->{partition}}}, $_ for @records;

    my $last;
    my %seen;

    for my $event (@events) {
        my $position = position($event->{id});

        if (!$position || @$position != 1) {
            push @wrong, "id $event->{id}";
            next;
        }

        my @next = @{$position->[0]}[1 .. $#{$position->[0]}];

        # which partition advanced?

        my ($partition) = grep { $next[$_] != ($last // [])->[$_] // 0 }
                          0 .. $#next if $last;
        $partition //= (grep { $next[$_] > 0 && !$last } 0 .. $#next)[0];

        my $order = $last ? join(',', map { $next[$_] <=> $last->[$_] }
                                      0 .. $#next) : '1';
        push @wrong, "id does not advance: $order" if $order !~ /1/
                                                      || $order =~ /-1/;
        $last = \@next;

        my $r = shift @{$queue{$partition}} // {};
        push @wrong, "id is not after " . place($r)
            if ($r->{offset} // -1) + 1 != $next[$partition];

        my $want = $expected->($r);
        my $data = $event->{data};
        utf8::decode($data);
        utf8::decode(my $name = $event->{event});

        my $got = [ $name, ref $want->[1] ? eval { json_decode($event->{data}) }
                                          : $data ];

        next if same($got, $want);

        push @wrong, place($r) . ":\n  got  "
            . substr(json_encode($got), 0, 500) . "\n  want "
            . substr(json_encode($want), 0, 500);
    }

    my $left = 0;
    $left += @$_ for values %queue;
    push @wrong, "$left records are missing" if $left;

    my $ok = ok(!@wrong, "/$path has " . @records . ' records, as they are');

    if (!$ok) {
        splice @wrong, 10 if @wrong > 10;
        diag(join "\n", @wrong);
        diag($sse{$path}->describe);
    }

    is_deeply($sse{$path}->faults, [], "/$path is a proper event stream");
}


compare(value => \&as_value, @records);
compare(envelope => sub ($r) {
    [ defined $r->{value} ? 'message' : 'delete', envelope($r) ] }, @records);
compare(cloudevents => \&cloudevent, @records);
compare(named => \&named, @records);
compare(renamed => sub ($r) {
    [ defined $r->{value} ? 'public' : 'delete', envelope($r, 'public') ] },
    @records);
compare(other => sub ($r) { [ 'message', envelope($r) ] },
    $kafka->consume($other));


# an envelope is one line, its fields in the order that the README gives, its
# numbers are numbers

my $form = qr/^\{"topic":"\Q$topic\E","partition":\d,"offset":\d+,
              "timestamp":\d+,"key":(?:null|"[^\n]*"),
              (?:"key_encoding":"base64",)?"headers":\{[^\n]*\},
              "value":(?:null|"[^\n]*")(?:,"encoding":"base64")?\}\z/x;

is_deeply([ map { substr $_->{data}, 0, 300 }
            grep { $_->{data} !~ $form } $sse{envelope}->records ], [],
          'an envelope has its form');


# two topics in one stream: all of both, ids of two topics

my %got;
$got{json_decode($_->{data})->{topic}}++ for $sse{both}->records;
is_deeply(\%got, { $topic => $n, $other => 500 }, '/both has both topics');
is(scalar @{position(($sse{both}->records)[-1]{id})}, 2,
   'an id of two topics has two');

# the position is short enough for a header on every reconnect

my $id = ($sse{both}->records)[-1]{id};
like($id, qr/^1\.[A-Za-z0-9_-]+$/, 'an id is of letters that need no escape');
cmp_ok(length $id, '<=', 128, 'an id is short');


# nothing of this is left to do: the group has committed it all

my $committed;
eval {
    wait_for(10, 'commits', sub {
        $committed = $kafka->committed($node->group, $topic)->{$topic};
        my $ends = $kafka->offsets($topic)->{$topic};
        join(',', map { $_ // '-' } @$committed)
            eq join ',', map { $_->{stable} } @$ends;
    }, 0.2);
};
is($@, '', 'the group has committed all that was delivered')
    or diag(json_encode($committed));

finish;
