//! Every difference from ecflow_client 5.9.2 that is accepted, with its reason.

/// What of a command can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// What is sent.
    Request,
    /// What is printed.
    Text,
    /// Whether it succeeds.
    End,
    /// What becomes of the server's state.
    Effect,
}

use Aspect::{Effect, End, Request, Text};

/// Some command lines that differ for one reason.
pub(crate) struct Difference {
    pub(crate) reason: &'static str,
    /// Each of them differs, and nothing else does.
    pub(crate) aspects: &'static [Aspect],
    /// As [`super::cases::Case::name`] tells them; one that ends with `*` is the beginning of
    /// several.
    pub(crate) lines: &'static [&'static str],
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "the file's own text is sent, not ecFlow's print of it",
        aspects: &[Request],
        lines: &[
            "--load={home}/s.def # no suites",
            "--load {home}/four.def",
            "--load={home}/s.def",
            "--load={home}/s.def force",
            "--load force {home}/s.def",
            "--load={files}/utf8.def # no suites",
            "--load=`suite mem\n edit ECF_DUMMY_TASK ''\n task t\nendsuite\n`",
            "--replace=/s1/f2 {files}/repl.def",
            "--replace=/s1/f2 {files}/repl.def parent",
            "--replace=/s1/f2 {files}/repl.def false",
            "--replace=/s1/f2 {files}/repl.def parent force",
            "--replace=/s1/f2 {files}/repl.def false force # an active task",
            "--replace=/n1 {files}/newsuite.def",
            "--replace=/n1 {files}/newsuite.def parent # no suites",
            "--replace=/n1/t {files}/newsuite.def false # no suites",
            "--replace=/s1 {files}/repl.def # an active task",
            "--group=`load={files}/newsuite.def; begin=n1`",
            "--group=`plug /s2/f /s3; order /s3 top; replace /n1 {files}/newsuite.def`",
        ],
    },
    Difference {
        reason: "the server reads the definition, and refuses it",
        aspects: &[Request],
        lines: &[
            "--load={files}/extern.def # no suites",
            "--load={files}/bad.def # no suites",
            "--replace=/s1/f2 {files}/bad.def",
        ],
    },
    Difference {
        reason: "the server looks for the node in the file, and refuses",
        aspects: &[Request],
        lines: &["--replace=/s1/f9 {files}/repl.def"],
    },
    Difference {
        reason: "extern lines are refused: they would end the server",
        aspects: &[Request, End],
        lines: &["--load={files}/externs.def # no suites"],
    },
    Difference {
        reason: "force as the third word would be ignored, so it is refused",
        aspects: &[Request, End],
        lines: &["--replace /s1/f2 {files}/repl.def force"],
    },
    Difference {
        reason: "needs ecFlow's own reader of definitions: not offered",
        aspects: &[End],
        lines: &[
            "--load={files}/newsuite.def check_only",
            "--load={files}/newsuite.def stats",
            "--load={files}/newsuite.def print",
        ],
    },
    Difference {
        reason: "needs ecFlow's own reader of definitions: not offered",
        aspects: &[Request, End],
        lines: &[
            "--why",
            "--why=/s1/f1/t2",
            "--group=`get; why`",
            "--group=`get; why=/s1/f1/t2`",
            "--group=why",
        ],
    },
    Difference {
        reason: "of the full state the server's own text is printed, without generated variables",
        aspects: &[Text],
        lines: &[
            "--get_state",
            "--get_state # no suites",
            "--get_state=/s1",
            "--get_state=/s1/f1/t1",
            "--group=`get=/s1; show state`",
            "--group=`get /s1/f1/t1; show state`",
            "--get_s",
        ],
    },
    Difference {
        reason: "the server parses the expression, and its refusal is final",
        aspects: &[Request],
        lines: &[
            "--wait=`/s1/f1/t1 == ((` # an active task",
            "--query trigger /s1/f1/t2 ((",
            "--query trigger /s1/f1/t2 /s1/f1/t1",
            "--group=`query trigger /s1 '1 == 1'`",
            "--query trigger /s1 ``",
            "--wait=` `",
            "--wait=/s1/f1/t1",
        ],
    },
    Difference {
        reason: "a text may begin with dashes, as in 5.17.0",
        aspects: &[Request, End],
        lines: &[
            "--label=l --hello",
            "--abort `--some reason--` # an active task",
            "--alter add variable NV5 --hello /s1/f1/t1",
            "--alter change label l --x /s1/f1/t1",
        ],
    },
    Difference {
        reason: "a text may be empty, as in 5.17.0",
        aspects: &[Request, End],
        lines: &[
            "--abort= # an active task",
            "--alter add variable NV4 `` /s1/f1/t1",
            "--alter add label lnew `` /s1/f1/t1",
        ],
    },
    Difference {
        reason: "a value of 5.17.0, whose server checks it",
        aspects: &[Request],
        lines: &["--alter add inlimit /s1:lim2 `-s 1` /s1/f1/t3"],
    },
    Difference {
        reason: "a type of 5.17.0: the server is asked for its version first",
        aspects: &[Request],
        lines: &[
            "--alter add event nev set /s1/f1/t1",
            "--alter add meter nm 0,100,50 /s1/f1/t1",
            "--alter add aviso av cfg /s1/f1/t1",
            "--alter add mirror mi cfg /s1/f1/t1",
            "--alter change aviso av reload /s3/t",
            "--alter change mirror mi reload /s3/t",
            "--alter delete aviso av /s3/t",
            "--alter delete mirror mi /s3/t",
            "--alter set_flag remote_error /s2/f",
        ],
    },
    Difference {
        reason: "the path of the limit is not taken for the path of a node too",
        aspects: &[Request, End],
        lines: &[
            "--alter delete limit_path lim2 /s1/f1/t1 /s1",
            "--alter delete limit_path lim /s1/f1/t1 /s1",
        ],
    },
    Difference {
        reason: "no question is asked: yes must be given",
        aspects: &[Text],
        lines: &[
            "--shutdown",
            "--halt",
            "--terminate",
            "--delete=/s3",
            "--delete=/s3 yes",
            "--delete=_all_",
            "--delete=/s3 /s2",
            "--group=`delete /s3`",
            "--group=halt",
            "--group=`shutdown`",
            "--delete=YES /s3",
            "--delete=_all_ /s3 yes",
        ],
    },
    Difference {
        reason: "a server would give the last answer to all",
        aspects: &[Request, End],
        lines: &[
            "--group=`query state /s1; query state /s2; query dstate /s1/f1`",
            "--group=`file /s1/f1/t1 script 2; file /s1/f1/t1 manual`",
            "--group=`suites; suites`",
            "--group=`get; get_state`",
        ],
    },
    Difference {
        reason: "a halted 5.17.0 would drop the task commands, and answer that all is well",
        aspects: &[Request, End],
        lines: &[
            "ECF_NAME=/s1/f1/t1 ECF_PASS=_DJP_ ECF_RID=4711 --group=`event=ev; label=l x` # an active task",
        ],
    },
    Difference {
        reason: "the server is asked for its handles first",
        aspects: &[Request],
        lines: &["--sync_full=1 # two client handles"],
    },
    Difference {
        reason: "the server is asked for its handles first: it would crash",
        aspects: &[Request, Effect],
        lines: &["--sync_full=77"],
    },
    Difference {
        reason: "the log's path is printed, nothing is drawn",
        aspects: &[End],
        lines: &["PATH=/nowhere --server_load"],
    },
    Difference {
        reason: "what a command waits for is told in its report, not on stdout",
        aspects: &[Text],
        lines: &[
            "ECF_DENIED=1 --event=ev # halted",
            "ECF_DENIED=1 ECF_NAME=/s1/f1/t9 ECF_PASS=zPass1 --init=4711 # an active task",
        ],
    },
    Difference {
        reason: "answered here: the text is ours",
        aspects: &[Text],
        lines: &[
            "--help",
            "--help=ping",
            "--help=nosuch",
            "--help=summary",
            "--help=all",
            "--help=child",
            "--help=user",
            "--help=option",
            "--version",
        ],
    },
    Difference {
        reason: "-h and -v are --help and --version, as in 5.17.0",
        aspects: &[End],
        lines: &["-h", "-v"],
    },
    Difference {
        reason: "--debug goes beside a command, as in 5.17.0",
        aspects: &[End],
        lines: &["--debug"],
    },
    Difference {
        reason: "two commands in one call are refused, not half forgotten",
        aspects: &[Request, End],
        lines: &[
            "--ping --suites",
            "--suites --ping",
            "--suspend /s1 --suspend /s2",
        ],
    },
    Difference {
        reason: "a number that is none is an error",
        aspects: &[Request, End],
        lines: &[
            "ECF_TRYNO=abc --init=4711",
            "ECF_TRYNO=3x --init=4711",
            "--news=0 0 -1",
            "--news=0 0 4294967295",
            "--sync=0 -1 0",
        ],
    },
    Difference {
        reason: "a word that would be ignored is refused",
        aspects: &[Request, End],
        lines: &[
            "--ping x",
            "--init=4711 4712",
            "--sync_full=0 0",
            "--alter set_flag late x /s2",
            "--edit_script=/s1/f1/t1 submit_file {home}/script.usr xx",
            "--edit_script=/s1/f1/t1 pre_process_file {home}/script.usr x",
            "--alter add variable A b c /s1/f1/t1",
            "--alter add label x y z /s1/f1/t1",
            "--alter sort variable recursive x /s1",
            "--alter add limit l 5 6 /s1",
            "--alter add inlimit lim 1 2 /s1/f2/a1",
            "--alter add time 10:00 20:00 01:00 /s1/f1/t1",
            "--alter add day monday tuesday /s1/f1/t1",
            "--alter delete zombie user x /s1/f1/t1",
            "--alter delete trigger x /s1/f1/t2",
            "--alter delete repeat x /s1/f1",
            "--alter delete late x /s1/f1/t1",
            "--suspend /s1 ``",
            "--suspend /s1 s2 /s2",
            "--resume x /s1",
            "--kill x /s1",
            "--status force /s1",
            "--check x /s1",
            "--edit_history x /s1",
            "--edit_history clear /s1",
            "--edit_history=/s1 clear",
            "--archive=x /s3",
            "--delete=x yes /s3",
            "--query trigger /s1 `1 == 1` x",
            "--show=state x",
            "--shutdown=yes x",
            "--msg=a b",
            "--msg `a b` c",
            "--stats x",
            "--queue=q active active",
            "--wait=`1 == 1` x",
            "--complete x",
        ],
    },
    Difference {
        reason: "--add goes with --init, --remove with --complete: elsewhere they would be ignored",
        aspects: &[Request, End],
        lines: &[
            "--init=4711 --remove A",
            "--complete --add A=1 # an active task",
            "--event=ev --add A=1 # an active task",
            "--label=l x --remove A # an active task",
            "--suites --add A=1",
            "--suites --remove A",
        ],
    },
    Difference {
        reason: "quotes around the suite are removed, as in 5.17.0",
        aspects: &[Request, End],
        lines: &["--begin=\"s3\""],
    },
    Difference {
        reason: "--password is used, as in 5.17.0",
        aspects: &[Request],
        lines: &["--suites --user=fred --password=secret"],
    },
    Difference {
        reason: "--password goes with the login name, too",
        aspects: &[Request, End],
        lines: &["--suites --password=secret"],
    },
    Difference {
        reason: "a word that would be ignored is refused",
        aspects: &[Request],
        lines: &[
            "--ch_drop=1 2",
            "--alter delete variable A B /s1/f1/t1",
            "--restore force /s3",
        ],
    },
    Difference {
        reason: "a number that is none is an error",
        aspects: &[Request],
        lines: &["--ch_drop=-1", "--ch_register=-1 true s1", "--ch_add=-1 s1"],
    },
    Difference {
        reason: "a number that is none is an error, where it would crash the server",
        aspects: &[Request, Effect],
        lines: &["--sync_full=-1"],
    },
    Difference {
        reason: "only a usual file is read",
        aspects: &[Request, End],
        lines: &["--edit_script=/s1/f1/t1 submit_file {home}"],
    },
    Difference {
        reason: "the server checks the attribute too, and refuses it",
        aspects: &[Request],
        lines: &[
            "--alter add inlimit `` /s1/f2/a1",
            "--alter add time `20:00 10:00 01:00` /s1/f1/t1",
            "--alter add time 1:2 /s1/f1/t1",
            "--alter add time -10:00 /s1/f1/t1",
            "--alter add date 31.2.2030 /s1/f1/t1",
            "--alter add date 1.1.30 /s1/f1/t1",
            "--alter add date `1.1.2030 x` /s1/f1/t1",
            "--alter add date 0.1.2030 /s1/f1/t1",
            "--alter add date 1.1.1000 /s1/f1/t1",
            "--alter add zombie user /s1/f1/t1",
            "--alter add zombie user:fail:::x /s1/f1/t1",
            "--alter add zombie user::: /s1/f1/t1",
            "--alter add zombie user:fail:bogus: /s1/f1/t1",
            "--alter add zombie user:fail::x /s1/f1/t1",
            "--alter add zombie path:block:all:10 /s1/f1/t1",
            "--alter add late `-s 00:01 -s 00:02` /s1/f1/t3",
            "--alter change trigger `` /s1/f1/t2",
            "--alter delete time xx /s1/f1/t1",
            "--alter delete date xx /s1/f1/t1",
            "--alter delete day xx /s1/f1/t1",
            "--alter delete cron xx /s1/f1/t2",
            "--force=clear /s1/f1/t1:",
        ],
    },
    Difference {
        reason: "an empty command between two others is skipped: ecflow_client crashes",
        aspects: &[Request, End],
        lines: &["--group=` ; ping ; `"],
    },
    Difference {
        reason: "a suite is not dropped in silence because neither true nor false stands before it",
        aspects: &[Request, Effect],
        lines: &["--ch_register=2 xx s1 # two client handles"],
    },
    Difference {
        reason: "an empty word is no variable",
        aspects: &[Request, End],
        lines: &["--complete --remove ``"],
    },
    Difference {
        reason: "an empty word is mostly a shell variable that is not set, and would begin all suites",
        aspects: &[Request, End],
        lines: &["--begin ``"],
    },
];

impl Difference {
    pub(crate) fn has(&self, line: &str, name: &str) -> bool {
        match line.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => line == name,
        }
    }
}
