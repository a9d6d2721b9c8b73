package Bench::TLS;

# What one delivered event costs over TLS 1.3 and HTTP/1.1, beside a bare
# SSL_write() loop with the same cipher suite and certificate, and beside nchan.

use v5.36;

use KafkaSSE::Rig qw(unique tempdir free_port run);
use Bench::Rig;
use Bench::Table;

my $streams = 1000;
my @rates   = (10, 50);
my $seconds = $quick ? 2 : 5;

my @rows = (
    { name => 'floor: one SSL_write',
      start => sub ($tls) { floor('one', $tls->{certificate}, $tls->{key}) } },
    { name => 'ngx_kafka_sse (ours)', start => \&ours_tls },
    { name => 'nchan, memory', start => \&nchan_tls },
);


sub new ($class) {
    $rows[$_]{place} = $_ for 0 .. $#rows;
    return bless { name => 'tls', runs => {} }, $class;
}


sub certificate {
    my $dir = tempdir();
    my %tls = (certificate => "$dir/tls.crt", key => "$dir/tls.key");

    my $r = run([ qw(openssl req -x509 -newkey ec -nodes -days 2
                     -pkeyopt ec_paramgen_curve:P-256 -subj /CN=127.0.0.1),
                  '-out', $tls{certificate}, '-keyout', $tls{key} ]);
    die "openssl: $r->{err}" if $r->{status};

    return \%tls;
}


sub lines ($tls) {
    return [ "ssl_certificate $tls->{certificate}",
             "ssl_certificate_key $tls->{key}", 'ssl_protocols TLSv1.3' ];
}


sub ours_tls ($tls) {
    my $topic = unique('tls');
    my $feed = kafka_feed($topic);
    my $node = ours(streams => $streams, topic => $topic, listen => 'ssl',
                    brokers => $feed->{brokers}, server => lines($tls));

    $node->{feed} = $feed;

    return $node;
}


# the feed comes to a port of its own, in the clear

sub nchan_tls ($tls) {
    my $pub = free_port();

    return nchan($streams, '', listen => 'ssl', pub => $pub,
                 server => [ "listen 127.0.0.1:$pub", @{lines($tls)} ]);
}


sub measure ($self) {
    my $tls = $self->{tls} //= certificate();

    for my $row (@rows) {
        my $name = $row->{name};

        eval { $self->measure_row($row, $tls); 1 } or wrong("tls, $name: $@");
        servers_stop();
    }

    push @rows, shift @rows;            # another one begins the next round
}


sub measure_row ($self, $row, $tls) {
    my $name = $row->{name};
    my $server = $row->{start}->($tls);
    my %run;

    $server->{options} = [ "tls=$tls->{certificate}" ];
    $self->{conf}{$name} = $server->{conf};
    ready($server, $streams);

    for my $rate (@rates) {
        my $r = $run{$rate} = phase($server, $rate, $seconds, 5);

        printf "  %-22s %4s/s: %6.2f us each, p99 %8.2f ms%s\n", $name, $rate,
            $r->{cpu}, $r->{latency_us}{p99} / 1000, say_others($r->{others});

        if (my $why = complaint($r)) {
            wrong("tls, $name, $rate/s: $why");
        }
    }

    push @{$self->{runs}{$name}}, \%run;
}


my @columns = map {
    my $rate = $_;
    my $head = "at $rate/s";

    ([ sub { $_[0]{$rate}{cpu} },    'us/event', $head,       '%.2f' ],
     [ sub { $_[0]{$rate}{worker} }, 'worker',   'only',      '%.2f' ],
     [ sub { $_[0]{$rate}{latency_us}{p50} / 1000 },
                                     'p50 ms',   $head,       '%.2f' ],
     [ sub { $_[0]{$rate}{latency_us}{p99} / 1000 },
                                     'p99 ms',   $head,       '%.2f' ]);
} @rates;


sub finish ($self) {
    my $runs = $self->{runs};
    my ($floor, $ours, $nchan) = map { $_->{name} }
                                 sort { $a->{place} <=> $b->{place} } @rows;

    say commas($streams), " streams, $size-byte records, HTTP/1.1 over TLS ",
        "1.3 with TLS_AES_128_GCM_SHA256,\nno kTLS; worker on core ",
        "$server_core, all else on $other_cores.\n";

    my $m = table(\@columns, map { [ $_, @{$runs->{$_}} ] }
                              grep { $runs->{$_} } $floor, $ours, $nchan);
    ratios($m, 'ours', $ours, [ $floor, $nchan ], 0 .. $#columns);

    if ($m->{$ours} && $m->{$floor}) {
        say '';
        target("TLS, CPU per event at $rates[$_]/s, ours / floor", 'x%.2f',
               $m->{$ours}[$_ * 4] / $m->{$floor}[$_ * 4], '<= x1.2')
            for 0 .. $#rates;
    }

    return { streams => $streams, rates => \@rates, runs => $runs,
             conf => $self->{conf} };
}


1;
