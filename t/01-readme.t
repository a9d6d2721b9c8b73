# Every directive of the module is described in README.md and used in a test.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $top = KafkaSSE::Rig::top();
my $readme = slurp("$top/README.md");

my @directives = slurp("$top/ngx_kafka_sse_module.c")
                 =~ /\{\s*ngx_string\("(kafka_sse[a-z_]*)"\)/g;

# variables stand in a table of the same form, in another file or further down

@directives = grep { /^kafka_sse/ } @directives;

cmp_ok(scalar @directives, '>=', 11, 'the command table has directives')
    or diag("@directives");

# the other tests: this one names them all by reading the table

my $tests = join '', map { slurp($_) } grep { $_ ne $0 && !/01-readme/ }
                         glob "$top/t/*.t";

for my $name (@directives) {

    # > **Syntax:** `name` *arguments*; **Default:** `...`;
    # > **Context:** http, server, location

    my ($entry) = $readme =~ m{
        ^>?\ ?(\*\*Syntax:\*\*\ `\Q$name\E`.*?\*\*Context:\*\*[^\n]*)$ }smx;

    ok(defined $entry, "README.md describes $name");

    like($entry // '', qr/\*\*Default:\*\*\s/, "... with a default");
    like($entry // '', qr/\*\*Context:\*\*\s+(?:>\s)?(?:http|server|location)/,
         "... with its context");

    like($tests, qr/\b\Q$name\E\b/, "a test uses $name");
}

done_testing;
