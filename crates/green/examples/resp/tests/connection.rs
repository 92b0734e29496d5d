//! The commands on connections, and the counting of arguments: what Redis 7.0.15 answered to these requests.

use super::{asking, closes, stays};

#[test]
fn arguments_are_counted() {
    stays(&asking(&["ping a b"]), b"-ERR wrong number of arguments for 'ping' command\r\n");
    stays(&asking(&["echo"]), b"-ERR wrong number of arguments for 'echo' command\r\n");
    stays(&asking(&["echo a b"]), b"-ERR wrong number of arguments for 'echo' command\r\n");
    stays(&asking(&["get"]), b"-ERR wrong number of arguments for 'get' command\r\n");
    stays(&asking(&["get a b"]), b"-ERR wrong number of arguments for 'get' command\r\n");
    stays(&asking(&["GeT"]), b"-ERR wrong number of arguments for 'get' command\r\n");
    stays(&asking(&["set"]), b"-ERR wrong number of arguments for 'set' command\r\n");
    stays(&asking(&["set a"]), b"-ERR wrong number of arguments for 'set' command\r\n");
    stays(&asking(&["del"]), b"-ERR wrong number of arguments for 'del' command\r\n");
    stays(&asking(&["exists"]), b"-ERR wrong number of arguments for 'exists' command\r\n");
    stays(&asking(&["incr"]), b"-ERR wrong number of arguments for 'incr' command\r\n");
    stays(&asking(&["incr a b"]), b"-ERR wrong number of arguments for 'incr' command\r\n");
    stays(&asking(&["decr"]), b"-ERR wrong number of arguments for 'decr' command\r\n");
    stays(&asking(&["decr a b"]), b"-ERR wrong number of arguments for 'decr' command\r\n");
    stays(&asking(&["incrby"]), b"-ERR wrong number of arguments for 'incrby' command\r\n");
    stays(&asking(&["incrby a"]), b"-ERR wrong number of arguments for 'incrby' command\r\n");
    stays(&asking(&["incrby a b c"]), b"-ERR wrong number of arguments for 'incrby' command\r\n");
    stays(&asking(&["decrby a"]), b"-ERR wrong number of arguments for 'decrby' command\r\n");
    stays(&asking(&["mget"]), b"-ERR wrong number of arguments for 'mget' command\r\n");
    stays(&asking(&["mset"]), b"-ERR wrong number of arguments for 'mset' command\r\n");
    stays(&asking(&["mset a"]), b"-ERR wrong number of arguments for 'mset' command\r\n");
    stays(&asking(&["mset a b c"]), b"-ERR wrong number of arguments for 'mset' command\r\n");
    stays(&asking(&["mset a b c d e"]), b"-ERR wrong number of arguments for 'mset' command\r\n");
    stays(&asking(&["dbsize a"]), b"-ERR wrong number of arguments for 'dbsize' command\r\n");
    stays(&asking(&["type"]), b"-ERR wrong number of arguments for 'type' command\r\n");
    stays(&asking(&["type a b"]), b"-ERR wrong number of arguments for 'type' command\r\n");
    stays(&asking(&["ttl"]), b"-ERR wrong number of arguments for 'ttl' command\r\n");
    stays(&asking(&["pttl"]), b"-ERR wrong number of arguments for 'pttl' command\r\n");
    stays(&asking(&["ttl a b"]), b"-ERR wrong number of arguments for 'ttl' command\r\n");
    stays(&asking(&["select"]), b"-ERR wrong number of arguments for 'select' command\r\n");
    stays(&asking(&["select 0 1"]), b"-ERR wrong number of arguments for 'select' command\r\n");
    stays(&asking(&["client"]), b"-ERR wrong number of arguments for 'client' command\r\n");
    stays(&asking(&["config"]), b"-ERR wrong number of arguments for 'config' command\r\n");
    stays(&asking(&["config get"]), b"-ERR wrong number of arguments for 'config|get' command\r\n");
    stays(&asking(&["client setname"]), b"-ERR wrong number of arguments for 'client|setname' command\r\n");
    stays(&asking(&["client setname a b"]), b"-ERR wrong number of arguments for 'client|setname' command\r\n");
    stays(&asking(&["client id x"]), b"-ERR wrong number of arguments for 'client|id' command\r\n");
    stays(&asking(&["client getname x"]), b"-ERR wrong number of arguments for 'client|getname' command\r\n");
    stays(&asking(&["command count x"]), b"-ERR wrong number of arguments for 'command|count' command\r\n");
    stays(&asking(&["flushall a"]), b"-ERR syntax error\r\n");
    stays(&asking(&["flushall a b"]), b"-ERR syntax error\r\n");
    stays(&asking(&["flushall sync"]), b"+OK\r\n");
    stays(&asking(&["flushall ASYNC"]), b"+OK\r\n");
    stays(&asking(&["flushall async sync"]), b"-ERR syntax error\r\n");
}

#[test]
fn connections_are_told_about_themselves() {
    closes(&asking(&["quit"]), b"+OK\r\n");
    closes(&asking(&["quit foo bar"]), b"+OK\r\n");
    closes(&asking(&["ping", "quit", "ping"]), b"+PONG\r\n+OK\r\n");
    closes(b"quit\r\nping\r\n", b"+OK\r\n");
    stays(&asking(&["select 0"]), b"+OK\r\n");
    stays(&asking(&["select 1"]), b"-ERR DB index is out of range\r\n");
    stays(&asking(&["select -1"]), b"-ERR DB index is out of range\r\n");
    stays(&asking(&["select a"]), b"-ERR value is not an integer or out of range\r\n");
    stays(
        &asking(&["select 99999999999"]),
        b"-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
    );
    stays(&asking(&["select 9999999999999999999999"]), b"-ERR value is not an integer or out of range\r\n");
    closes(&asking(&["post"]), b"");
    closes(&asking(&["post a b"]), b"");
    closes(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"");
    closes(b"Host: localhost\r\n", b"");
    stays(
        &asking(&["client getname", "client setname foo", "client getname", "CLIENT GETNAME"]),
        b"$-1\r\n+OK\r\n$3\r\nfoo\r\n$3\r\nfoo\r\n",
    );
    stays(
        b"*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$3\r\na b\r\n",
        b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    stays(
        b"*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$0\r\n\r\n*2\r\n$6\r\nclient\r\n$7\r\ngetname\r\n",
        b"+OK\r\n$-1\r\n",
    );
    stays(b"*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$1\r\nx\r\n*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$0\r\n\r\n*2\r\n$6\r\nclient\r\n$7\r\ngetname\r\n", b"+OK\r\n+OK\r\n$-1\r\n");
    stays(
        b"*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$2\r\na\n\r\n",
        b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    stays(
        b"*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$2\r\n\xc3\xa9\r\n",
        b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    stays(&asking(&["client foo"]), b"-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n");
    stays(&asking(&["CLIENT foo bar"]), b"-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n");
    stays(&asking(&["Config foo"]), b"-ERR unknown subcommand 'foo'. Try CONFIG HELP.\r\n");
    stays(&asking(&["command foo"]), b"-ERR unknown subcommand 'foo'. Try COMMAND HELP.\r\n");
    stays(b"*2\r\n$6\r\nclient\r\n$0\r\n\r\n", b"-ERR unknown subcommand ''. Try CLIENT HELP.\r\n");
    stays(&asking(&["client xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]), b"-ERR unknown subcommand 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'. Try CLIENT HELP.\r\n");
    stays(b"*2\r\n$6\r\nclient\r\n$4\r\na\r\nb\r\n", b"-ERR unknown subcommand 'a  b'. Try CLIENT HELP.\r\n");
    stays(b"*2\r\n$6\r\nclient\r\n$3\r\na\x00b\r\n", b"-ERR unknown subcommand 'a'. Try CLIENT HELP.\r\n");
    stays(&asking(&["client setinfo lib-name x"]), b"-ERR unknown subcommand 'setinfo'. Try CLIENT HELP.\r\n");
    stays(&asking(&["config get save"]), b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    stays(&asking(&["config get appendonly"]), b"*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
    stays(&asking(&["config get nosuch"]), b"*0\r\n");
    stays(&asking(&["config get databases"]), b"*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n");
    stays(&asking(&["config get maxmemory"]), b"*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    stays(&asking(&["config get PROTO-max-bulk-len"]), b"*2\r\n$18\r\nPROTO-max-bulk-len\r\n$9\r\n536870912\r\n");
    stays(&asking(&["CONFIG GET SAVE"]), b"*2\r\n$4\r\nSAVE\r\n$0\r\n\r\n");
    stays(&asking(&["config get save save"]), b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    stays(&asking(&["hello 1"]), b"-NOPROTO unsupported protocol version\r\n");
    stays(&asking(&["hello 4"]), b"-NOPROTO unsupported protocol version\r\n");
    stays(&asking(&["hello a"]), b"-ERR Protocol version is not an integer or out of range\r\n");
    stays(&asking(&["hello 2 foo"]), b"-ERR Syntax error in HELLO option 'foo'\r\n");
    stays(&asking(&["hello 2 setname"]), b"-ERR Syntax error in HELLO option 'setname'\r\n");
    stays(
        b"*4\r\n$5\r\nhello\r\n$1\r\n2\r\n$7\r\nsetname\r\n$3\r\na b\r\n",
        b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    stays(&asking(&["hello -3"]), b"-NOPROTO unsupported protocol version\r\n");
    stays(&asking(&["hello 99999999999999999999"]), b"-ERR Protocol version is not an integer or out of range\r\n");
    stays(&asking(&["hello 3 foo bar"]), b"-ERR Syntax error in HELLO option 'foo'\r\n");
    stays(b"*3\r\n$5\r\nhello\r\n$1\r\n3\r\n$5\r\nfo\r\no\r\n", b"-ERR Syntax error in HELLO option 'fo  o'\r\n");
    stays(&asking(&["shutdown foo"]), b"-ERR syntax error\r\n");
    stays(&asking(&["shutdown foo bar baz"]), b"-ERR syntax error\r\n");
    stays(&asking(&["shutdown save nosave"]), b"-ERR syntax error\r\n");
    stays(&asking(&["shutdown abort"]), b"-ERR No shutdown in progress.\r\n");
    stays(&asking(&["shutdown now force abort"]), b"-ERR syntax error\r\n");
    stays(&asking(&["shutdown SAVE NOSAVE now"]), b"-ERR syntax error\r\n");
    stays(&asking(&["shutdown abort now"]), b"-ERR syntax error\r\n");
}

#[test]
fn both_protocol_versions_are_spoken() {
    stays(&asking(&["hello 2"]), b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    stays(&asking(&["hello"]), b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    stays(&asking(&["hello 3"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    stays(&asking(&["hello 3", "get nosuch", "mget a b", "set a v xx", "set a v get", "client getname"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n_\r\n*2\r\n_\r\n_\r\n_\r\n_\r\n_\r\n");
    stays(&asking(&["hello 3 setname foo", "client getname"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n$3\r\nfoo\r\n");
    stays(&asking(&["hello 3", "hello", "hello 2", "get a"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n$-1\r\n");
    stays(&asking(&["hello 3", "config get save", "command docs nosuch"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n%0\r\n");
    stays(&asking(&["hello 3", "hello 2 foo", "get a"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n-ERR Syntax error in HELLO option 'foo'\r\n_\r\n");
    stays(&asking(&["hello 3", "hello 9", "get a"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n-NOPROTO unsupported protocol version\r\n_\r\n");
    stays(&asking(&["command docs nosuch"]), b"*0\r\n");
    stays(&asking(&["hello 2 setname foo setname bar", "client getname"]), b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n$3\r\nbar\r\n");
    stays(&asking(&["hello 3", "config get nosuch"]), b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n%0\r\n");
}
