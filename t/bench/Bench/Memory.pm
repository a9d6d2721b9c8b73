package Bench::Memory;

# What an idle stream costs: memory of the worker, with small headers and with a
# browser's, on stock directives and at the pool sizes that README recommends;
# and the CPU of a connect.  Beside it is nginx alone: one that holds a response
# which is under way, and one that has answered and keeps the connection.

use v5.36;

use List::Util qw(min);
use Time::HiRes qw(sleep);
use Bench::Rig;
use Bench::Row;
use Bench::Figure;

# all streams have one source address and one worker: its descriptors are the
# bound

my $most    = min(19_000, $descriptors - 500);
my @counts  = $quick ? (1000) : (5000, $most);

my @headers = ('small headers', "a browser's headers");

my %start = (
    ours     => sub ($n, @http) { Bench::Row::fed($n, http => \@http) },
    way      => sub ($n, @http) { plain($n, 'under way', @http) },
    kept     => sub ($n, @http) { plain($n, 'kept', @http) },
    nchan    => sub ($n) { nchan($n, '') },
    floor    => sub ($n) { floor('one') },
);

my %names = (ours => 'ours', way => 'nginx, response under way',
             kept => 'nginx, answered', nchan => 'nchan, memory',
             floor => 'floor');


sub new ($class) {
    my @rows;

    for my $headers (@headers) {
        push @rows, map { row($_, $headers) } qw(ours way kept nchan floor);
        push @rows, map { row($_, $headers, 'small pools') } qw(ours way);
    }

    return bless { rows => \@rows, streams => \@counts }, $class;
}


sub row ($who, $headers, $pools = undef) {
    return { who => $who, headers => $headers, pools => $pools // 'stock',
             short => $names{$who} . ($pools ? ", $pools" : ''),
             ours => $who eq 'ours' ? 1 : 0 };
}


sub measure ($self) {
    for my $row (@{$self->{rows}}) {
        eval { idle($row); 1 }
            or wrong("memory, $row->{short}, $row->{headers}: $@");
        servers_stop();
    }
}


# What the first stream costs belongs to nobody's figures.

sub idle ($row) {
    my @http = $row->{pools} eq 'stock' ? () : @pools;
    my $server = $start{$row->{who}}->($counts[-1], @http);

    $row->{conf} = $server->{conf};
    $server->{options} = [ 'browser' ] if $row->{headers} ne $headers[0];

    load_start($server, %{$server->{pids}});
    connect_streams($server, 1);
    warm_up($server) if $server->{feed};

    my $before = talk($server->{load}, 'memory');
    my $have = 1;

    for my $n (@counts) {
        my $r = connect_streams($server, $n - $have);
        my $each = $r->{cpu_us}{worker} / ($n - $have);

        warm_up($server) if $server->{feed};
        sleep 0.5;

        my $after = talk($server->{load}, 'memory');
        my $memory = ($after->{worker} - $before->{worker}) / ($n - 1);

        push @{$row->{memory}{$n}}, $memory;
        push @{$row->{connect_us}{$n}}, $each;
        $have = $n;

        printf "  %-38s %-20s %7s streams: %7s bytes each, %6.1f us per "
             . "connect\n", $row->{short}, $row->{headers}, commas($n),
            commas($memory), $each;
    }

    server_stop($server);
}


sub finish ($self) {
    my @rows = grep { $_->{memory} } @{$self->{rows}};

    say "Bytes of worker (Pss) per idle stream, and us of its CPU from accept ",
        "to the first bytes.\nSmall pools: ", join('; ', @pools), ".\n";

    line('', map { (commas($_), $_ == $counts[0] ? 'connect' : ()) } @counts);

    for my $headers (@headers) {
        say $headers;

        for my $row (grep { $_->{headers} eq $headers } @rows) {
            my $m = $row->{median} = {
                map { my $of = $_;
                      ($of => { map { $_ => median(@{$row->{$of}{$_}}) }
                                    keys %{$row->{$of}} }) }
                    qw(memory connect_us) };

            line_long("  $row->{short}", map {
                (cell('commas', $m->{memory}{$_}),
                 $_ == $counts[0] ? cell('%.1f', $m->{connect_us}{$_}) : ())
            } @counts);
        }
    }

    say "\nno process may have more than $descriptors descriptors here"
        if $most < 19_000;

    return { streams => \@counts, pools => \@pools, rows => $self->{rows} };
}


sub line_long ($name, @cells) {
    printf "%-40s%s\n", $name, join '', map { sprintf '%11s', $_ } @cells;
}


sub figures ($self) {
    my %m = map { ("$_->{who}, $_->{pools}, $_->{headers}" => $_->{median}) }
                @{$self->{rows}};
    my $first = $counts[0];
    my @figures;

    for my $headers (@headers) {
        for my $n (@counts) {
            for my $pools ('stock', 'small pools') {
                my $limit = $pools ne 'stock' ? 6 * 1024
                          : $headers eq $headers[0] ? 9.8 * 1024 : undef;
                my ($o, $w) = map { $m{"$_, $pools, $headers"}{memory}{$n} }
                                  qw(ours way);
                my $what = commas($n) . " idle, $pools, $headers";

                push @figures, figure($what, 'commas bytes', $o, undef, undef,
                                      most => $limit);
                push @figures, figure("  our own share", 'commas bytes',
                                      $o - $w, undef, undef, most => 512)
                    if defined $o && defined $w;
            }
        }

        push @figures, map {
            my $target = $_ eq 'kept' ? 1.1 : undef;

            figure("CPU of a connect, $headers", '%.1f us',
                   $m{"ours, stock, $headers"}{connect_us}{$first},
                   $m{"$_, stock, $headers"}{connect_us}{$first}, $names{$_},
                   most => $target);
        } qw(kept way nchan);
    }

    return @figures;
}


1;
