package KafkaSSE::Nginx;

# One nginx with a prefix of its own.
#
#     my $nginx = KafkaSSE::Nginx->new(http => '...', server => '...');
#     $nginx->start;  $nginx->reload;  $nginx->quit;
#     $nginx->t('kafka_sse_zone a;')      { status =>, out => } of "nginx -t"
#
# main, events, http, server: configuration that is added there.
# Others: workers, level (of the error log), tls => 1 for $nginx->tls_port
# (with HTTP/2), h2c => 1 for $nginx->h2c_port (HTTP/2 in the clear), env,
# daemon => 0, load => 0 (without the module), module (another one than the
# build's), conf (a whole nginx.conf instead).

use v5.36;

use IO::Socket::INET;
use KafkaSSE::Authority;
use KafkaSSE::Rig qw(build tempdir free_port wait_for slow run spawn slurp
                     spew unique at_end wait_exit alive);

my @all;


sub new ($class, %opt) {
    my $self = bless {
        name => unique('nginx'),
        port => free_port(),
        tls_port => $opt{tls} ? free_port() : undef,
        h2c_port => $opt{h2c} ? free_port() : undef,
        killed => {},
        expected => [],
        %opt,
    }, $class;

    $self->{prefix} = tempdir() . "/$self->{name}";

    for my $dir ('', qw(/logs /temp /html /asan)) {
        mkdir "$self->{prefix}$dir" or die "$self->{prefix}$dir: $!";
    }

    # the workers' user writes there when the master is root

    chmod 0777, "$self->{prefix}/asan", "$self->{prefix}/temp";

    push @all, $self;
    at_end(sub { $self->destroy });

    return $self;
}


sub all { @all }

sub binary { $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx' }
sub module { build() . '/ngx_kafka_sse_module.so' }

sub version {
    state $version = do {
        my $r = run([ binary(), '-v' ]);
        $r->{err} =~ m{nginx/(\d+)\.(\d+)\.(\d+)} or die "no nginx: $r->{err}";
        $1 * 1_000_000 + $2 * 1_000 + $3;
    };
    return $version;
}


sub prefix ($self)   { $self->{prefix} }
sub port ($self)     { $self->{port} }
sub tls_port ($self) { $self->{tls_port} }
sub h2c_port ($self) { $self->{h2c_port} }


# A certificate for all of this test's servers.

sub certificate {
    state $cert = KafkaSSE::Authority->new->issue(
        cn => 'localhost', san => 'DNS:localhost,IP:127.0.0.1');
    return $cert;
}


sub listen_lines ($self) {
    my $lines = "listen 127.0.0.1:$self->{port};\n";
    my $h2 = version() >= 1_025_001 ? '' : ' http2';

    if ($self->{tls_port}) {
        my $cert = certificate();

        $lines .= "listen 127.0.0.1:$self->{tls_port} ssl$h2;\n"
                . "ssl_certificate $cert->{crt};\n"
                . "ssl_certificate_key $cert->{key};\n";
    }

    $lines .= "listen 127.0.0.1:$self->{h2c_port}$h2;\n" if $self->{h2c_port};
    $lines .= "http2 on;\n"
        if $h2 eq '' && ($self->{tls_port} || $self->{h2c_port});

    return $lines;
}


# Tests replace parts of the configuration with ->set and reload.

sub set ($self, %opt) {
    @$self{keys %opt} = values %opt;
    return $self;
}


sub conf ($self) {
    return $self->{conf} if defined $self->{conf};

    my $p = $self->{prefix};
    my $module = $self->{module} // $self->module;
    my $load = $self->{load} // 1 ? "load_module $module;" : '';
    my $daemon = $self->{daemon} // 1 ? 'on' : 'off';
    my $level = $self->{level} // 'info';
    my $workers = $self->{workers} // 1;
    my $connections = $self->{connections} // 1024;
    my $nofile = $connections * 2 + 1024;
    my $timeout = $self->{shutdown_timeout} // '10s';

    my $main = $self->{main} // '';
    my $events = $self->{events} // '';
    my $http = $self->http_lines . ($self->{http} // '');
    my $server = $self->{server} // '';
    my $listen = $self->listen_lines;

    return <<"END";
$load
daemon $daemon;
worker_processes $workers;
worker_rlimit_nofile $nofile;
worker_shutdown_timeout $timeout;
pid $p/nginx.pid;
error_log $p/logs/error.log $level;
$main
events {
worker_connections $connections;
$events
}
http {
access_log $p/logs/access.log;
client_body_temp_path $p/temp/body;
proxy_temp_path $p/temp/proxy;
fastcgi_temp_path $p/temp/fastcgi;
uwsgi_temp_path $p/temp/uwsgi;
scgi_temp_path $p/temp/scgi;
default_type text/plain;
$http
server {
$listen
server_name localhost;
root $p/html;
$server
}
}
END
}


sub http_lines ($self) { '' }


sub _env ($self) {
    my %env = %{$self->{env} // {}};

    $env{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // 'detect_leaks=0')
                       . ":log_path=$self->{prefix}/asan/asan";
    $env{UBSAN_OPTIONS} = $ENV{UBSAN_OPTIONS} // 'print_stacktrace=1';

    return \%env;
}


sub _run ($self, @args) {
    my $file = "$self->{prefix}/nginx.conf";

    my $log = "$self->{prefix}/logs/start.log";
    my $before = -s $log // 0;

    my $pid = spawn([ binary(), '-p', "$self->{prefix}/", '-c', $file,
                      '-e', "$self->{prefix}/logs/error.log", @args ],
                    out => $log, env => $self->_env);

    my $status = wait_exit($pid, 15);

    if (!defined $status) {
        kill KILL => $pid;
        wait_exit($pid, 5);
        $status = -1;
    }

    return { status => $status, out => substr slurp($log), $before };
}


# "nginx -t" of this configuration, or of another text

sub t ($self, $conf = $self->conf) {
    spew("$self->{prefix}/nginx.conf", $conf);

    my $r = run([ binary(), '-t', '-p', "$self->{prefix}/",
                  '-c', "$self->{prefix}/nginx.conf",
                  '-e', "$self->{prefix}/logs/test.log" ],
                timeout => 20, env => $self->_env);

    return { status => $r->{status}, out => $r->{err} };
}


sub start ($self) {
    $self->{starts}++;
    spew("$self->{prefix}/nginx.conf", $self->conf);

    if ($self->{daemon} // 1) {
        my $r = $self->_run;
        die "nginx does not start:\n$r->{out}" . $self->errors
            if $r->{status};

    } else {
        $self->{child} = spawn([ binary(), '-p', "$self->{prefix}/",
                                 '-c', "$self->{prefix}/nginx.conf",
                                 '-e', "$self->{prefix}/logs/error.log" ],
                               out => "$self->{prefix}/logs/start.log",
                               env => $self->_env);
    }

    wait_for(15, 'nginx listens', sub {
        $self->workers && IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->{port});
    });

    return $self;
}


# The master of the pid file; ->procs knows all others.

sub master ($self) {
    my ($pid) = slurp("$self->{prefix}/nginx.pid") =~ /^(\d+)/;
    return $pid;
}


# All processes of this nginx, orphans and older generations, too: those that
# hold its error log open.  { pid, ppid, title, role, leaving }

sub procs ($self) {
    my @procs;
    my $log = "$self->{prefix}/logs/error.log";

    for my $dir (glob '/proc/[0-9]*') {
        my $stat = slurp("$dir/stat");
        $stat =~ /^(\d+) \((.*)\) (\S) (\d+)/s or next;

        my ($pid, $comm, $state, $ppid) = ($1, $2, $3, $4);
        next if $comm !~ /nginx/ || $state =~ /[ZX]/;
        next if !grep { (readlink // '') eq $log } glob "$dir/fd/*";

        my $title = slurp("$dir/cmdline") =~ s/[\0 ]+\z//r;

        my $role = $title =~ /master process/          ? 'master'
                 : $title =~ /kafka_sse companion/     ? 'companion'
                 : $title =~ /worker process/          ? 'worker'
                 : $title =~ /cache (manager|loader)/  ? $1
                 :                                       'other';

        push @procs, { pid => $pid, ppid => $ppid, title => $title,
                       role => $role, state => $state,
                       leaving => scalar($title =~ /shutting down/) };
    }

    @procs = sort { $a->{pid} <=> $b->{pid} } @procs;

    return @procs;
}


sub pids ($self, $role, %opt) {
    return map { $_->{pid} }
           grep { !defined $opt{of} || $_->{ppid} == $opt{of} }
           grep { $_->{role} eq $role && !($opt{here} && $_->{leaving}) }
                $self->procs;
}

sub workers ($self, %opt)    { $self->pids('worker', %opt) }
sub companions ($self, %opt) { $self->pids('companion', %opt) }
sub masters ($self)          { $self->pids('master') }

sub titles ($self) {
    return join '', map { "$_->{pid} $_->{title}\n" } $self->procs;
}


# the companion, when there is exactly one

sub companion ($self, $seconds = 10) {
    my $pid;

    wait_for($seconds, "exactly one companion, of:\n" . $self->titles, sub {
        my @pids = $self->companions;
        ($pid) = @pids;
        @pids == 1;
    });

    return $pid;
}


sub signal ($self, $signal, $pid = $self->master) {
    kill $signal => $pid or die "kill $signal $pid: $!";
}


# Kills a process; the log may tell so.  (After kill -9 of the master, the
# others are on their own.)

sub kill_process ($self, $pid, $signal = 'KILL') {
    $self->{killed}{$pid} = $signal;
    kill $signal => $pid or die "kill $signal $pid: $!";
    wait_for(10, "process $pid ends", sub { !alive($pid) });
}


# Reloads and waits until the new workers are there and the old ones leave or
# are gone.  (When the new configuration is refused, nothing changes: see
# ->errors.)

sub reload ($self, %opt) {
    spew("$self->{prefix}/nginx.conf", $self->conf);

    my %before = map { $_ => 1 } $self->workers;
    my $size = -s $self->log_file;

    $self->signal('HUP');

    return if $opt{nowait};

    wait_for(15, 'reloaded', sub {
        my @here = $self->workers(here => 1);
        (@here && !grep { $before{$_} } @here)
            || substr(slurp($self->log_file), $size) =~ /\[emerg\]/;
    });
}


# A new binary beside the old one; returns the pid of its master.

sub upgrade ($self) {
    my $old = $self->master;

    $self->signal('USR2');

    wait_for(15, 'a new master', sub {
        my $pid = $self->master;
        $pid && $pid != $old && alive($pid)
            && $self->workers(of => $pid) > 0;
    });

    return $self->master;
}


# QUIT or TERM to the master; true when all are gone in time.

sub quit ($self, $seconds = 15) { $self->_end('QUIT', $seconds) }

# nginx gives nothing back of requests that are open when it stops at once

sub stop ($self, $seconds = 10) {
    $self->{leaks} = 1;
    return $self->_end('TERM', $seconds);
}

sub _end ($self, $signal, $seconds) {
    my $pid = $self->master;
    kill $signal => $pid if $pid;
    return $self->gone($seconds);
}


sub gone ($self, $seconds) {
    return eval {
        wait_for($seconds, 'nginx ends', sub { !$self->procs }, 0.05);
    };
}


# the test's way out

sub destroy ($self) {
    return if !$self->procs;

    $self->stop(5) and return;

    kill KILL => map { $_->{pid} } $self->procs;
    $self->gone(5);
}


sub log_file ($self)   { "$self->{prefix}/logs/error.log" }
sub access_log ($self) { slurp("$self->{prefix}/logs/access.log") }

sub log ($self) { slurp($self->log_file) }

sub log_lines ($self, $re) {
    return grep { /$re/ } split /\n/, $self->log;
}


sub wait_log ($self, $what, $condition, $seconds = 10) {
    my $value = eval { wait_for($seconds, $what, $condition) };
    return $value if $value;

    my @lines = split /\n/, $self->log;
    splice @lines, 0, -30 if @lines > 30;
    require Carp;
    Carp::croak($@ . join "\n", @lines);
}


# what is worse than a notice, to print when a test fails

sub errors ($self, $lines = 40) {
    my @lines = $self->log_lines(qr/\[(?:emerg|alert|crit|error|warn)\]/);
    splice @lines, 0, -$lines if @lines > $lines;
    return join '', map { "$_\n" } @lines;
}


# This line in the log is what the test wants.

sub expect ($self, @re) { push @{$self->{expected}}, @re }


# What a process holds: { fds => n, rss => KB, pss => KB, anon => KB }

sub usage ($class, $pid) {
    my @fds = glob "/proc/$pid/fd/*";
    my $rollup = slurp("/proc/$pid/smaps_rollup");
    my %usage = (fds => scalar @fds);

    $usage{rss} = $1 if $rollup =~ /^Rss:\s+(\d+)/m;
    $usage{pss} = $1 if $rollup =~ /^Pss:\s+(\d+)/m;
    $usage{anon} = $1 if $rollup =~ /^Anonymous:\s+(\d+)/m;

    return \%usage;
}


# One plain request, its whole answer: { status, headers => { lower case },
# body, raw }.  Not for streams, which do not end.

sub get ($self, $path, %opt) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $self->{port}, Timeout => 5)
        // die "connect: $!";

    my $method = $opt{method} // 'GET';
    my %headers = (Host => 'localhost', Connection => 'close',
                   %{$opt{headers} // {}});

    print $sock "$method $path HTTP/1.1\r\n",
                (map { "$_: $headers{$_}\r\n" } sort keys %headers),
                "\r\n", $opt{body} // '';

    my $raw = '';
    my $deadline = time + 10 * slow();

    while (time < $deadline) {
        my $in = '';
        vec($in, fileno $sock, 1) = 1;
        select($in, undef, undef, 1) or next;
        sysread $sock, $raw, 65536, length $raw or last;
    }

    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.\d (\d+)};
    my %got = map { lc($_->[0]) => $_->[1] }
              map { [ /^([^:]+):\s*(.*?)\s*$/ ] }
              grep { /:/ } split /\r\n/, $head // '';

    $body //= '';

    if (lc($got{'transfer-encoding'} // '') eq 'chunked') {
        my $plain = '';
        while ($body =~ s/^([0-9a-f]+)\r\n//i) {
            my $n = hex $1 or last;
            $plain .= substr $body, 0, $n, '';
            $body =~ s/^\r\n//;
        }
        $body = $plain;
    }

    return { status => $status, headers => \%got, body => $body, raw => $raw };
}


1;
