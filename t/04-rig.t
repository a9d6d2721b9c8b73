# A test cannot forget to look at what its nginx has logged, and what it then
# looks for it finds: little tests, which are to fail.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $n = 0;


# Runs a test of one nginx; true if it passes.  What it says is in $said.

my $said;

sub passes ($text) {
    my $file = tempdir() . '/little-' . ++$n . '.t';

    spew($file, <<"END");
use lib '$FindBin::Bin/lib';
use KafkaSSE::Test;
my \$nginx = KafkaSSE::Nginx->new(load => 0);
sub log_line (\$line) {
    open my \$log, '>>', \$nginx->log_file or die;
    print \$log "\$line\\n";
}
$text
END

    my $r = run([ $^X, $file ], timeout => 60);
    $said = $r->{out} . $r->{err};

    return $r->{status} == 0;
}


ok(passes('$nginx->start; finish;'), 'one that ends with "finish" passes')
    or diag($said);
ok(passes('ok(1); finish;'), '... and one that has started none');
ok(passes('ok(1); done_testing;'), '... which need not end with it');

ok(!passes('$nginx->start; ok(1); done_testing;'),
   'one that does not look at the log fails');
like($said, qr/nobody has looked at the log of nginx-/, '... and says why');

ok(!passes('$nginx->start; ok($nginx->quit); ok(1); done_testing;'),
   '... also if it has stopped it');
ok(!passes('$nginx->start; log_faults($nginx); done_testing;'),
   '... or has looked too early');
ok(!passes('ok(1); finish; $nginx->start;'), '... or starts one afterwards');
ok(!passes('$nginx->start; ok($nginx->quit); $nginx->start; '
           . 'kill KILL => $nginx->workers; finish;'),
   'a worker that somebody kills fails it');
like($said, qr/exited on signal 9/, '... and the line is shown');
ok(passes('$nginx->start; my ($pid) = $nginx->workers; '
          . '$nginx->kill_process($pid); '
          . 'wait_for(5, "another", sub { $nginx->workers }); finish;'),
   '... unless it is the test') or diag($said);

my $at = '2026/11/22 09:30:00';

for my $line ("$at [alert] 1#1: *3 open socket #12 left in connection 4",
              "$at [alert] 1#1: worker process 7 exited on signal 11",
              "$at [emerg] 1#1: mmap(MAP_ANON|MAP_SHARED, 16) failed",
              "$at [alert] 1#1: zero size buf in output",
              '==7==ERROR: AddressSanitizer: heap-use-after-free on address',
              '==7==ERROR: LeakSanitizer: detected memory leaks',
              'ring.c:12:34: runtime error: signed integer overflow')
{
    ok(!passes("\$nginx->start; log_line('$line'); finish;"), $line);
}

ok(!passes('$nginx->start; spew($nginx->prefix . "/asan/asan.1", "a report");'
           . 'finish;'), 'a sanitizer\'s report beside the log');

ok(passes("\$nginx->start; log_line('$at [error] 1#1: a client did it');"
          . 'finish;'), 'an error alone is no fault') or diag($said);
ok(passes("\$nginx->start; log_line('$at [alert] 1#1: as wanted');"
          . '$nginx->expect(qr/as wanted/); finish;'),
   'what a test expects is none') or diag($said);

done_testing;
