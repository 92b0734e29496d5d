//! The form of requests: what Redis 7.0.15 answered to these bytes.

use super::{asking, closes, stays};

#[test]
fn inline_requests_are_split_and_unquoted() {
    stays(b"PING\r\n", b"+PONG\r\n");
    stays(b"PING\n", b"+PONG\r\n");
    stays(b"ping hello\r\n", b"$5\r\nhello\r\n");
    stays(b"\r\n", b"");
    stays(b"\n", b"");
    stays(b"\r\n\r\nPING\r\n", b"+PONG\r\n");
    stays(b"   PING   \r\n", b"+PONG\r\n");
    stays(b"\tPING\t\r\n", b"+PONG\r\n");
    stays(b"\x0bPING\x0c\r\n", b"-ERR unknown command 'PING\x0c', with args beginning with: \r\n");
    stays(b"PING \"hello world\"\r\n", b"$11\r\nhello world\r\n");
    stays(b"PING 'hello world'\r\n", b"$11\r\nhello world\r\n");
    stays(b"PING \"\"\r\n", b"$0\r\n\r\n");
    stays(b"PING ''\r\n", b"$0\r\n\r\n");
    stays(b"\"\"\r\n", b"-ERR unknown command '', with args beginning with: \r\n");
    stays(b"\"PING\"\r\n", b"+PONG\r\n");
    stays(b"PI\"NG\"\r\n", b"+PONG\r\n");
    closes(b"'PI'NG\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    stays(b"PING \"a\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n", b"$10\r\naA\n\r\t\x08\x07q\\\"\r\n");
    stays(b"PING \"\\x4\"\r\n", b"$2\r\nx4\r\n");
    stays(b"PING \"\\xzz\"\r\n", b"$3\r\nxzz\r\n");
    stays(b"PING \"\\xfF\"\r\n", b"$1\r\n\xff\r\n");
    stays(b"PING 'a\\'b'\r\n", b"$3\r\na'b\r\n");
    stays(b"PING 'a\\nb'\r\n", b"$4\r\na\\nb\r\n");
    stays(b"PING 'a\\\\b'\r\n", b"$4\r\na\\\\b\r\n");
    closes(b"PING \"abc\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    closes(b"PING 'abc\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    closes(b"PING \"abc\"d\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    closes(b"PING 'abc'd\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    stays(b"PING abc\"d e\"\r\n", b"$6\r\nabcd e\r\n");
    stays(b"PING abc'd e'\r\n", b"$6\r\nabcd e\r\n");
    closes(b"PING \"abc\\\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    closes(b"PING 'abc\\\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    stays(b"PING \"\\x\"\r\n", b"$1\r\nx\r\n");
    stays(b"PING \"a\"\r\r\n", b"$1\r\na\r\n");
    stays(b"PING a\r\r\n", b"$1\r\na\r\n");
    stays(b"PING\r\nPING\nPING x\r\n", b"+PONG\r\n+PONG\r\n$1\r\nx\r\n");
    stays(b"PI", b"");
    stays(b"PING\r", b"");
    stays(b"PING\rPING\n", b"$4\r\nPING\r\n");
    stays(b"PING a\x00b\r\n", b"");
    stays(b"PING\x00\r\nPING\r\n", b"");
    stays(b"\x00\r\nPING\r\n", b"");
    stays(b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n");
    stays(b"get a b\r\n", b"-ERR wrong number of arguments for 'get' command\r\n");
    stays(b"SET a b\r\nGET a\r\nget  a \r\n", b"+OK\r\n$1\r\nb\r\n$1\r\nb\r\n");
    stays(b"SET \"a b\" 'c d'\r\nGET 'a b'\r\n", b"+OK\r\n$3\r\nc d\r\n");
    stays(b"foo\r\n", b"-ERR unknown command 'foo', with args beginning with: \r\n");
    stays(b"foo bar baz\r\n", b"-ERR unknown command 'foo', with args beginning with: 'bar' 'baz' \r\n");
    stays(b"\xff\xfe\r\n", b"-ERR unknown command '\xff\xfe', with args beginning with: \r\n");
    stays(b"PING \xff\xfe\r\n", b"$2\r\n\xff\xfe\r\n");
    stays(b"$4\r\nPING\r\n", b"-ERR unknown command '$4', with args beginning with: \r\n+PONG\r\n");
    stays(b"+PING\r\n", b"-ERR unknown command '+PING', with args beginning with: \r\n");
    stays(b"PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n", b"+PONG\r\n+PONG\r\n+PONG\r\n");
    closes(b"PING \"\r\nPING\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n");
    stays(b"PING 'x' 'y' 'z'\r\n", b"-ERR wrong number of arguments for 'ping' command\r\n");
}

#[test]
fn multibulk_requests_are_checked() {
    stays(b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n");
    stays(b"*1\r\n$4\r\nping\r\n", b"+PONG\r\n");
    stays(b"*0\r\nPING\r\n", b"+PONG\r\n");
    stays(b"*-1\r\nPING\r\n", b"+PONG\r\n");
    stays(b"*-5\r\nPING\r\n", b"+PONG\r\n");
    stays(b"*-9223372036854775808\r\nPING\r\n", b"+PONG\r\n");
    closes(b"*-9223372036854775809\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*a\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*1a\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"* 1\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*1 \r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*+1\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*01\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*00\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*-0\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*--1\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*-\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    stays(b"*2147483647\r\n", b"");
    closes(b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*9223372036854775807\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*9223372036854775808\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    closes(b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n");
    stays(b"*1\n$4\nPING\n", b"");
    stays(b"*1\rX$4\rYPINGZZ", b"+PONG\r\n");
    stays(b"*1\r", b"");
    stays(b"*1\r\n", b"");
    stays(b"*", b"");
    stays(b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"+PONG\r\n+PONG\r\n");
    stays(b"*1\r\n$4\r\nPIN", b"");
    stays(b"*2\r\n$4\r\nPING\r\n", b"");
    stays(b"*2\r\n$4\r\nPING\r\n$0\r\n\r\n", b"$0\r\n\r\n");
    stays(b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n");
    closes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$fab\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    stays(b"*1\r\n$536870912\r\n", b"");
    closes(b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*1\r\n$04\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*1\r\n$+4\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*1\r\n$ 4\r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*1\r\n$4 \r\nPING\r\n", b"-ERR Protocol error: invalid bulk length\r\n");
    closes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n");
    closes(b"*1\r\nfoo\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n");
    closes(b"*1\r\n\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n");
    closes(b"*1\r\n:4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n");
    closes(b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n");
    closes(b"*1\r\n*1\r\n$4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got '*'\r\n");
    stays(b"*1\r\n\x00\r\n", b"");
    stays(b"*1\r\nx\x00\r\n", b"");
    closes(b"*1\r\n\xff\r\n", b"-ERR Protocol error: expected '$', got '\xff'\r\n");
    closes(b"*1\r\n\n\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n");
    closes(b"*1\r\n'\r\n", b"-ERR Protocol error: expected '$', got '''\r\n");
    stays(b"*1\r\n$4\x00\r\nPING\r\n", b"");
    stays(b"*1\x00\r\n$4\r\nPING\r\n", b"");
    closes(
        b"*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n*1\r\n$4\r\nPING\r\n",
        b"+PONG\r\n-ERR Protocol error: invalid bulk length\r\n",
    );
    closes(b"PING\r\n*x\r\nPING\r\n", b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
    stays(b"*1\r\n$4\r\nping\r\n*1\r\n$4\r\nping\r\n*1\r\n$4\r\nping\r\n", b"+PONG\r\n+PONG\r\n+PONG\r\n");
    stays(b"*2\r\n$4\r\nECHO\r\n$6\r\na\r\nb\x00c\r\n", b"$6\r\na\r\nb\x00c\r\n");
    stays(b"*2\r\n$4\r\nECHO\r\n$6\r\na\r\nb\x00c\r\n", b"$6\r\na\r\nb\x00c\r\n");
    stays(
        b"*3\r\n$3\r\nSET\r\n$3\r\n\x00k\xff\r\n$3\r\n\r\n\x00\r\n*2\r\n$3\r\nGET\r\n$3\r\n\x00k\xff\r\n",
        b"+OK\r\n$3\r\n\r\n\x00\r\n",
    );
    stays(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n", b"+OK\r\n$0\r\n\r\n");
}

#[test]
fn unknown_commands_are_quoted() {
    stays(&asking(&["foo"]), b"-ERR unknown command 'foo', with args beginning with: \r\n");
    stays(&asking(&["foo bar"]), b"-ERR unknown command 'foo', with args beginning with: 'bar' \r\n");
    stays(&asking(&["foo bar baz"]), b"-ERR unknown command 'foo', with args beginning with: 'bar' 'baz' \r\n");
    stays(b"*2\r\n$3\r\nfoo\r\n$0\r\n\r\n", b"-ERR unknown command 'foo', with args beginning with: '' \r\n");
    stays(b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n");
    stays(b"*2\r\n$0\r\n\r\n$1\r\na\r\n", b"-ERR unknown command '', with args beginning with: 'a' \r\n");
    stays(&asking(&["fo'o b'r"]), b"-ERR unknown command 'fo'o', with args beginning with: 'b'r' \r\n");
    stays(
        b"*2\r\n$4\r\nf\r\no\r\n$4\r\nb\r\nr\r\n",
        b"-ERR unknown command 'f  o', with args beginning with: 'b  r' \r\n",
    );
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' \r\n");
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' 'zz' \r\n");
    stays(&asking(&["ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"]), b"-ERR unknown command 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', with args beginning with: \r\n");
    stays(&asking(&["ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"]), b"-ERR unknown command 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', with args beginning with: \r\n");
    stays(&asking(&["fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff a"]), b"-ERR unknown command 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', with args beginning with: 'a' \r\n");
    stays(&asking(&["foo a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a"]), b"-ERR unknown command 'foo', with args beginning with: 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' 'a' \r\n");
    stays(b"*2\r\n$4\r\nf\x00oo\r\n$3\r\nbar\r\n", b"-ERR unknown command 'f', with args beginning with: 'bar' \r\n");
    stays(
        b"*3\r\n$3\r\nfoo\r\n$4\r\nb\x00ar\r\n$1\r\nc\r\n",
        b"-ERR unknown command 'foo', with args beginning with: 'b' 'c' \r\n",
    );
    stays(
        b"*2\r\n$2\r\n\xff\xfe\r\n$1\r\n\x80\r\n",
        b"-ERR unknown command '\xff\xfe', with args beginning with: '\x80' \r\n",
    );
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx b"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' \r\n");
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx b"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' \r\n");
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx bcde"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' 'b' \r\n");
    stays(&asking(&["foo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx bcde"]), b"-ERR unknown command 'foo', with args beginning with: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' \r\n");
    stays(b"*2\r\n$3\r\nfoo\r\n$1\r\n\n\r\n", b"-ERR unknown command 'foo', with args beginning with: ' ' \r\n");
    stays(b"*1\r\n$4\r\nfoo\n\r\n", b"-ERR unknown command 'foo ', with args beginning with: \r\n");
    stays(b"*1\r\n$5\r\nPING \r\n", b"-ERR unknown command 'PING ', with args beginning with: \r\n");
    stays(&asking(&["client|id"]), b"-ERR unknown command 'client|id', with args beginning with: \r\n");
    stays(&asking(&["client|id x"]), b"-ERR unknown command 'client|id', with args beginning with: 'x' \r\n");
    stays(&asking(&["config|get x"]), b"-ERR unknown command 'config|get', with args beginning with: 'x' \r\n");
    stays(b"*2\r\n$4\r\nGET\x00\r\n$1\r\na\r\n", b"-ERR unknown command 'GET', with args beginning with: 'a' \r\n");
    stays(
        &asking(&["ffffffffffffffffffffffffffffff"]),
        b"-ERR unknown command 'ffffffffffffffffffffffffffffff', with args beginning with: \r\n",
    );
    stays(&asking(&["PINGPING"]), b"-ERR unknown command 'PINGPING', with args beginning with: \r\n");
    stays(&asking(&["MULTI1"]), b"-ERR unknown command 'MULTI1', with args beginning with: \r\n");
}
