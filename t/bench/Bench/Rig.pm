package Bench::Rig;

# What the parts of "make bench" share: the settings, servers on their core,
# the programs that feed and load them, and the checks.

use v5.36;

use Exporter 'import';
use IO::Socket::INET;
use IPC::Open2;
use POSIX ();
use List::Util qw(max min sum0);
use Time::HiRes qw(time sleep);
use KafkaSSE::Rig qw(top build tempdir free_port wait_for run spawn wait_exit
                     slurp spew unique at_end json_decode json_encode alive);
use KafkaSSE::Redis;

our @EXPORT = qw($quick $rounds $size $bin $cores $server_core $other_cores
                 $descriptors @pools machine prepare talk_start talk_hear
                 talk_say talk talk_end
                 redis brokers kafka_pid kafka_tool kafka_feed feed_start floor
                 nginx ours plain nchan place status load_start loads_start
                 loads connect_streams ready
                 warm_up server_stop servers_stop phase complaint wrong wrongs
                 core_busy cpu_seconds say_others commas median cell line
                 say_ratio);

our $quick   = $ENV{QUICK} // 0;
our $rounds  = $ENV{ROUNDS} // ($quick ? 1 : 3);
our $size    = $ENV{SIZE} // 200;
our $bin     = build() . '/bench';

our $cores   = grep { /^processor/ } split /\n/, slurp('/proc/cpuinfo');
our $server_core = 0;
our $other_cores = $cores > 1 ? '1-' . ($cores - 1) : 0;

# how many descriptors one process may have, whoever starts it

our ($descriptors) = slurp('/proc/self/limits')
                     =~ /^Max open files\s+\d+\s+(\d+)/m;

# what README recommends for many idle streams

our @pools  = ('connection_pool_size 384', 'client_header_buffer_size 1280',
               'request_pool_size 272');

my $here    = __FILE__ =~ s{/Bench/Rig\.pm\z}{}r;

my %programs = (
    load  => [ qw(load.c conn.c http.c h2.c sse.c watch.c tls.c) ],
    floor => [ qw(floor.c tls.c) ],
    feed  => [ qw(feed.c) ],
    storm => [ qw(storm.c) ],
);

my ($redis, $kafka);                    # started when first needed
my @running;                            # servers
my $runs = 0;
my @wrong;                              # checks that failed


sub wrong ($what) { push @wrong, $what }
sub wrongs { @wrong }


sub shell (@cmd) {
    my $r = run(\@cmd, timeout => 600);
    die "@cmd: $r->{out}$r->{err}" if $r->{status};
    return $r->{out};
}


sub prepare {
    local $ENV{MAKEFLAGS} = '';

    shell('make', '-C', top(), 'deps', 'tools');
    mkdir $bin;

    for my $tool (sort keys %programs) {
        my $out = "$bin/$tool";
        my @parts = map { "$here/$_" } @{$programs{$tool}};
        next if -e $out && -M $out < min(map { -M } @parts, glob "$here/*.h");

        shell('cc', '-O2', '-g', '-Wall', '-Wextra', '-Wno-unused-parameter',
              '-o', $out, @parts,
              $tool eq 'feed' ? '-lrdkafka' : ('-lssl', '-lcrypto'));
    }

    place($$, $other_cores);
}


sub machine {
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my $kernel = slurp('/proc/sys/kernel/osrelease') =~ s/\s+\z//r;

    return { cpu => $cpu, cores => $cores, kernel => $kernel,
             nginx => run([ nginx_binary(), '-v' ])->{err} =~ s/\s+\z//r };
}


# A program we talk to: one line in, one JSON line out.

sub talk_start (@cmd) {
    my $pid = open2(my $out, my $in, @cmd);
    at_end(sub { kill KILL => $pid; waitpid $pid, 0 });
    return { pid => $pid, in => $in, out => $out, name => $cmd[0] };
}


sub talk_hear ($talk) {
    my $line = readline $talk->{out};
    die "$talk->{name} has ended\n" if !defined $line;
    return json_decode($line);
}


sub talk_say ($talk, $line) {
    $talk->{in}->print("$line\n");
    $talk->{in}->flush;
}


sub talk ($talk, $line) {
    talk_say($talk, $line);
    return talk_hear($talk);
}


sub talk_end ($talk) {
    close $talk->{in};
    kill TERM => $talk->{pid};
    waitpid $talk->{pid}, 0;
}


# Where a process runs, with all its threads.

sub place ($pid, $where) {
    shell('taskset', '-acp', $where, $pid);
}


sub on_server_core (@cmd) { ('taskset', '-c', $server_core, @cmd) }


sub listens ($port) {
    my $hex = sprintf ':%04X 00000000:0000 0A', $port;
    return index(slurp('/proc/net/tcp'), $hex) >= 0;
}


sub floor ($mode, @tls) {
    my ($port, $feed) = (free_port(), free_port());

    my $pid = spawn([ on_server_core("$bin/floor", $port, $feed, $mode, @tls) ],
                    leash => 1, out => tempdir() . '/floor.log');
    wait_for(5, 'floor listens', sub { listens($port) });

    my $server = { port => $port, uri => '/', pids => { worker => $pid },
                   main => $pid, conf => "t/bench/floor $mode" };

    push @running, $server;
    $server->{feed} = feed_start('raw', $feed);

    return $server;
}


sub redis { $redis //= KafkaSSE::Redis->new }


# The broker, one of our own unless KAFKA says another.

sub brokers {
    my $how = $ENV{KAFKA} // '';

    die "the mock cluster is for events only\n" if $how eq 'mock';
    return $how if $how ne '';

    require KafkaSSE::Kafka;
    $kafka //= KafkaSSE::Kafka->new;

    return $kafka->address;
}


sub kafka_pid { $kafka && $kafka->pid }

sub kafka_tool (@args) {
    return shell(build() . '/tool/kafka', '-b', brokers(), @args);
}


# A feed to Kafka; the mock cluster is inside it.

sub kafka_feed ($topic, $partitions = 1, @more) {
    if (($ENV{KAFKA} // '') eq 'mock') {
        return feed_start('mock', $topic, $partitions);
    }

    kafka_tool('create', $topic, $partitions);
    return feed_start('kafka', brokers(), $topic, $partitions, @more);
}


sub feed_start (@args) {
    my $talk = talk_start("$bin/feed", @args);
    $talk->{brokers} = talk_hear($talk)->{brokers};
    return $talk;
}


# nginx, everything in a directory of its own; returns the pids of its worker
# and of other children.  "listen" is more for that directive.  There may be
# more workers, then each has a socket of its own to accept from, and "cores"
# says where they run.

sub nginx ($streams, $main, $http, $server, %opt) {
    my $dir = tempdir() . '/' . unique('nginx');
    my $port = free_port();
    my $user = getpwuid($<);
    my $workers = $opt{workers} // 1;
    my $limit = int($streams / $workers * 1.25)     # nginx reuses the last
                + 200;                              # sixteenth
    my $listen = join '', map { " $_" } $opt{listen} // (),
                                        $workers > 1 ? 'reuseport' : ();

    mkdir $dir or die "$dir: $!";

    s/^/    /mg for $http;
    s/^/        /mg for $server;

    my $conf = "${main}worker_processes $workers;\n"
             . "events { worker_connections $limit; }\n"
             . "http {\n${http}    access_log off;\n    server {\n"
             . "        listen 127.0.0.1:$port backlog=4096$listen;\n"
             . "$server    }\n}\n";

    my $rig = "daemon off;\npid $dir/pid;\nerror_log $dir/error.log warn;\n"
            . ($< == 0 ? "user $user;\n" : '')
            . 'worker_rlimit_nofile ' . min($limit + 200, $descriptors) . ";\n";

    my $paths = join '', map { "    ${_}_temp_path $dir/$_;\n" }
                         qw(client_body proxy fastcgi scgi uwsgi);

    spew("$dir/nginx.conf", $rig . $conf =~ s/^http \{\n/http {\n$paths/mr);

    my $pid = spawn([ 'taskset', '-c', $opt{cores} // $server_core,
                      nginx_binary(), '-p', $dir, '-c', "$dir/nginx.conf" ],
                    leash => 1, out => "$dir/out.log");

    at_end(sub { kill QUIT => $pid; wait_exit($pid, 2) });

    my @pids = eval {
        @{ wait_for(10, 'nginx has its workers', sub {
            die "nginx has ended\n" if !alive($pid);
            my @w = grep { slurp("/proc/$_/cmdline") =~ /worker process/ }
                         children($pid);
            @w == $workers && \@w;
        }) };
    };
    die "$@" . slurp("$dir/out.log") . slurp("$dir/error.log") if !@pids;

    my %pids = (worker => shift @pids);
    $pids{'worker' . (2 + $_)} = $pids[$_] for 0 .. $#pids;

    my $it = { port => $port, uri => '/sub', pids => \%pids, main => $pid,
               conf => $conf, log => "$dir/error.log" };

    push @running, $it;

    return $it;
}


sub nginx_binary {
    return $ENV{TEST_NGINX_BINARY}
           // (grep { -x } '/usr/sbin/nginx', '/usr/bin/nginx')[0]
           // die "no nginx\n";
}


sub children ($pid) {
    return split ' ', slurp("/proc/$pid/task/$pid/children");
}


# A node with this module: topic, brokers, streams (room for them), and if any
# "redis" (as "off"), lines for http, server and location, and "blocks", text for
# the server; listen, workers and cores as nginx() has them.  Its companion is
# moved away from the server core.

sub ours (%opt) {
    local $ENV{MAKEFLAGS} = '';
    my $module = $ENV{TEST_NGINX_MODULE} // do {
        shell('make', '-C', top(), 'module');
        build() . '/ngx_kafka_sse_module.so';
    };

    my $more = join ' ', map { "$_;" } @{$opt{location} // []};
    $more = " $more" if $more;

    my $server = nginx($opt{streams}, "load_module $module;\n",
        join('', map { "$_;\n" } @{$opt{http} // []})
        . 'kafka_sse_redis ' . ($opt{redis} // redis()->url) . ";\n"
        . "kafka_sse_cluster main { brokers $opt{brokers}; "
        . "group_id $opt{topic}; }\n",
        join('', map { "$_;\n" } @{$opt{server} // []})
        . "location = /sub { kafka_sse $opt{topic};$more }\n"
        . "location = /status { kafka_sse_status json; }\n"
        . ($opt{blocks} // ''),
        map { $_ => $opt{$_} } qw(listen workers cores));

    my %worker = map { $_ => 1 } values %{$server->{pids}};

    my $companion = wait_for(10, 'a companion', sub {
        (grep { !$worker{$_} } children($server->{main}))[0];
    });

    place($companion, $other_cores);
    $server->{pids}{companion} = $companion;

    return $server;
}


# nginx alone with a static file: what it costs to answer, and to hold what it
# is answering.  "kept" has sent it all and keeps the connection, "under way"
# has sent the first bytes and goes on with one byte a second.

sub plain ($streams, $how, @http) {
    my $dir = tempdir() . '/' . unique('plain');
    my @more = $how eq 'kept'
               ? 'keepalive_timeout 1h'
               : ('open_file_cache max=10 inactive=1h', 'limit_rate 1',
                  'limit_rate_after 300');

    mkdir $dir or die "$dir: $!";
    spew("$dir/sub", $how eq 'kept' ? ": ok\n\n" : ":\n" x 1000);

    return nginx($streams, '',
        join('', map { "$_;\n" } 'sendfile on', @http),
        "location = /sub {\n    root $dir;\n"
        . "    default_type text/event-stream;\n"
        . join('', map { "    $_;\n" } @more) . "}\n");
}


# nchan, in memory or with Redis; "server" and "listen" as ours() has them.
# Where that is nothing for the feed, "pub" is another port, "feed" its uri and
# options.

sub nchan ($streams, $how, %opt) {
    my $module = '/usr/lib/nginx/modules/ngx_nchan_module.so';

    if (!-e $module && $> == 0) {
        run([ qw(apt-get install -y --no-install-recommends
                 libnginx-mod-nchan) ], timeout => 300);
    }

    die "nchan is not installed (Debian: libnginx-mod-nchan)\n"
        if !-e $module;

    # its default buffer of 10 messages would make it lose some here

    my $channel = '    nchan_channel_id ' . ($opt{channel} // 'bench') . ";\n"
                . ($how ? "    nchan_redis_pass redis;\n" : '');

    my $server = nginx($streams, "load_module $module;\n",
        "nchan_shared_memory_size 256m;\nkeepalive_requests 1000000;\n"
        . ($how ? "upstream redis {\n    nchan_redis_server "
                  . redis()->url . ";\n}\n" : ''),
        join('', map { "$_;\n" } @{$opt{server} // []})
        . "location = /pub {\n    nchan_publisher http;\n$channel"
        . "    nchan_message_buffer_length 10000;\n"
        . "    nchan_message_timeout 10s;\n}\n"
        . "location = /sub {\n    nchan_subscriber eventsource;\n$channel"
        . "    nchan_subscriber_first_message newest;\n}\n",
        listen => $opt{listen});

    $server->{feed} = feed_start('http', $opt{pub} // $server->{port},
                                 @{$opt{feed} // [ '/pub' ]});

    return $server;
}


# What a node of ours says of itself; its sums over partitions are in {all},
# "direct" of them are not brought by Redis.

sub status ($server) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', Timeout => 5,
                                     PeerPort => $server->{port})
        // die "status: $!\n";

    print $sock "GET /status HTTP/1.0\r\n\r\n";
    local $/;
    my $answer = <$sock> // '';

    my $status = json_decode($answer =~ s/\A.*?\r\n\r\n//sr);
    my @partitions = map { @{$_->{partitions}} } @{$status->{topics}};

    for my $what (qw(records gaps duplicates)) {
        $status->{all}{$what} = sum0(map { $_->{$what} } @partitions);
    }

    $status->{all}{direct} = grep { $_->{source} eq 'kafka' } @partitions;
    $status->{partitions} = \@partitions;
    $status->{cluster} = $status->{clusters}[0];

    return $status;
}


# The program that holds streams at the server, and whose CPU it looks at:
# name => pid.

sub load_start ($server, %pids) {
    my $load = $server->{load} = load_open($server);
    talk($load, join ' ', 'watch', map { "$_=$pids{$_}" } sort keys %pids);
    return $load;
}


sub load_open ($server) {
    return talk_start("$bin/load", $server->{port}, $server->{uri},
                      $server->{size} // $size, @{$server->{options} // []});
}


# Several of them, as one process may not have enough descriptors, or time.
# The first one watches; each has source addresses of its own.

sub loads_start ($server, $n, %pids) {
    load_start($server, %pids);
    return if $n == 1;

    $server->{loads} = [ $server->{load}, map { load_open($server) } 2 .. $n ];

    my $from = 2;
    talk($_, 'from ' . $from++) for @{$server->{loads}};
}


sub loads ($server) { @{$server->{loads} // [ $server->{load} ]} }


sub log_of ($server) { $server->{log} ? slurp($server->{log}) : '' }


# So many streams more, evenly at all programs.

sub connect_streams ($server, $n) {
    my @loads = loads($server);
    my $left = $n;

    for my $i (0 .. $#loads) {
        my $share = int($left / (@loads - $i));
        talk_say($loads[$i], "connect $share");
        $left -= $share;
    }

    my @r = map { talk_hear($_) } @loads;

    for my $r (grep { $_->{refused} } @r) {
        die "$r->{refused} of $n streams refused: $r->{sample}\n"
            . log_of($server);
    }

    return $r[0];
}


# A server with all its streams, and a record through it.  One stream and one
# record come first: what only the first one costs, and what a server is not
# ready for yet, belongs to nobody's figures.

sub ready ($server, $n) {
    load_start($server, %{$server->{pids}});
    connect_streams($server, 1);
    warm_up($server);
    connect_streams($server, $n - 1);
    warm_up($server);
}


# What a feed is told; a server may have its own size of records, and bursts.

sub feed_line ($server, $n, $rate) {
    return join ' ', $runs, $n, $rate, $server->{size} // $size,
                     $server->{burst} // 1;
}


sub warm_up ($server) {
    my $end = time + 30;
    my @loads = loads($server);

    while (time < $end) {
        $runs++;
        talk($_, "mark $runs") for @loads;
        talk($server->{feed}, feed_line($server, 1, 1000));
        talk_say($_, 'wait 1 1000') for @loads;
        return if !grep { talk_hear($_)->{missing} } @loads;
    }

    die "the first record does not arrive\n" . log_of($server);
}


sub server_stop ($server) {
    my $pid = $server->{main};
    my @pids = ($pid, children($pid));

    @running = grep { $_ != $server } @running;

    talk_end($_) for grep { defined } loads($server), $server->{feed};

    kill TERM => $pid;

    if (!defined wait_exit($pid, 4)) {
        kill KILL => @pids;
        wait_exit($pid, 2);
    }
}


sub servers_stop { server_stop($_) for my @all = @running }


# Records at this rate for so many seconds, and what became of them.  "during"
# is called when the feed has begun.

sub phase ($server, $rate, $for, $patience, $during = undef) {
    my $n = int($rate * $for) || 1;
    my @loads = loads($server);
    my $feed = $server->{feed};

    $runs++;
    talk($_, "mark $runs") for @loads;
    my ($start, $busy) = (time, core_busy());
    talk_say($feed, feed_line($server, $n, $rate));
    $during->($runs, $n) if $during;

    talk_say($_, sprintf 'wait %d %d', $n, ($for + $patience) * 1000)
        for @loads;

    my $r = loads_together(map { talk_hear($_) } @loads);
    my $wall = time - $start;
    my $cpu = $r->{cpu_us};
    my $workers = sum0(map { $cpu->{$_} } grep { /^worker\d*$/ } keys %$cpu);

    $r->{others} = max(0, (core_busy() - $busy - $workers / 1e6) / $wall);
    my $sent = talk_hear($feed);

    $r->{run} = $runs;
    $r->{rate} = $rate;
    $r->{sent} = $n;
    $r->{late_us} = $sent->{late_us};
    $r->{failed} = $sent->{failed};
    $r->{wall} = $wall;
    $r->{share} = $workers / 1e6 / $wall * 100;
    $r->{load_share} = $r->{load_cpu_us} / 1e6 / $wall * 100;
    $r->{cpu} = ($workers + ($cpu->{companion} // 0)) / max(1, $r->{received});
    $r->{worker} = $workers / max(1, $r->{received});
    $r->{delivered} = $r->{received} / max(0.001, $r->{seconds});

    return $r;
}


# What several programs say, as one: sums, and of latency and time the worst.

sub loads_together ($r, @more) {
    my %most = map { $_ => 1 } qw(seconds load_cpu_us);

    for my $m (@more) {
        for my $what (grep { !ref $r->{$_} } keys %$m) {
            $r->{$what} = $what eq 'sample' ? $r->{$what} || $m->{$what}
                        : $most{$what} ? max($r->{$what}, $m->{$what})
                        : $r->{$what} + $m->{$what};
        }

        my ($to, $of) = map { $_->{latency_us} } $r, $m;
        $to->{$_} = max($to->{$_}, $of->{$_}) for keys %$of;
    }

    return $r;
}


# Seconds that the server's core has worked: what is not our worker's is
# somebody else's, and makes a measurement worth less.

sub core_busy {
    my ($line) = slurp('/proc/stat') =~ /^cpu$server_core (.*)$/m;
    my ($user, $nice, $system, $idle, $wait, @rest) = split ' ', $line;

    return sum0($user, $nice, $system, @rest[0 .. 2]) / POSIX::sysconf(
               POSIX::_SC_CLK_TCK());
}


# Seconds that a process has worked, all its threads together.

sub cpu_seconds ($pid) {
    my @f = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr;
    return ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


# What must be true of any run that was not cut off.

sub complaint ($r) {
    for my $what (qw(missing lost repeated bad stale events ended refused
                     failed))
    {
        return "$what: $r->{$what} ($r->{sample})" if $r->{$what};
    }

    return "only $r->{ids} ids" if $r->{ids} < $r->{received};
    return undef;
}


# Figures and tables.  Where somebody else had the server's core, a line says
# so.

sub say_others ($part) {
    return $part > 0.05 ? sprintf('  (others: %d %% of the core)', $part * 100)
                        : '';
}


sub commas ($n) {
    my $text = sprintf '%.0f', $n;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}


sub median (@values) {
    @values = sort { $a <=> $b } grep { defined } @values;
    return undef if !@values;
    return $values[$#values / 2] if @values % 2;
    return ($values[@values / 2 - 1] + $values[@values / 2]) / 2;
}


sub cell ($format, $value) {
    return '-' if !defined $value;
    return $format eq 'commas' ? commas($value) : sprintf $format, $value;
}


sub line ($name, @cells) {
    printf "%-24s%s\n", $name, join '', map { sprintf '%11s', $_ } @cells;
}


# A row of ratios: the first of these medians as a multiple of the second.

sub say_ratio ($name, $m, $o, @keys) {
    line($name, map {
        my $ratio = $m->{$_} && $o->{$_} && $o->{$_} > 0
                    ? $m->{$_} / $o->{$_} : undef;
        cell($ratio && $ratio < 0.1 ? 'x%.3f'
             : $ratio && $ratio > 10 ? 'x%.0f' : 'x%.2f', $ratio);
    } @keys);
}


1;
