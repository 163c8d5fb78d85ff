use super::*;
use crate::model::Secret;
use crate::wire::Value;

fn task() -> TaskIdentity {
    TaskIdentity {
        path: b"/s/t".to_vec(),
        password: Secret::from(&b"pw"[..]),
        remote_id: Vec::new(),
        try_number: 1,
    }
}

fn parsed_for(task: &TaskIdentity, argv: &[&str]) -> Result<Command, CommandError> {
    let read_file = |path: &Path| match path.to_str() {
        Some("x.def") => Ok(b"suite x\n  task t\nendsuite\n".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let argv: Vec<_> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
    let around = Surroundings {
        task,
        read_file: &read_file,
    };
    match parse(&argv, &around)? {
        Understood::Send(command) => Ok(*command),
        Understood::Answer(_) => Err(CommandError::NoCommand),
    }
}

fn parsed(argv: &[&str]) -> Result<Command, CommandError> {
    parsed_for(&task(), argv)
}

fn told(argv: &[&str]) -> String {
    parsed(argv).map_or_else(|why| why.to_string(), |_| "it was taken".into())
}

#[test]
fn options_may_be_written_with_an_equals_sign_a_blank_or_shortened() {
    for argv in [
        &["--meter=m", "20"][..],
        &["--meter", "m", "20"],
        &["--mete", "m", "20"],
        &["--host=h", "--meter", "m", "20", "--port", "1"],
    ] {
        let command = parsed(argv);
        let fields = command
            .map(|command| command.request.fields)
            .unwrap_or_default();
        assert_eq!(
            fields,
            [
                ("name_", Value::Text(b"m".to_vec())),
                ("value_", Value::Number(20))
            ],
            "{argv:?}"
        );
    }
}

#[test]
fn host_and_port_of_the_command_line_are_taken() {
    let command = parsed(&["--ping", "--host=b1", "--port=4000"]);
    let place = command.map(|i| (i.host.map(|h| h.as_str().to_owned()), i.port));
    assert_eq!(place.ok(), Some((Some("b1".into()), Some(4000))));
}

#[test]
fn what_is_wrong_is_told_with_the_option_and_the_remedy() {
    for (argv, wanted) in [
        (&[][..], "no command"),
        (&["ping"], "belongs to no option"),
        (&["--nosuch"], "--nosuch\" is not an option"),
        (&["--re"], "could be"),
        (&["--p"], "could be"),
        (&["--xx"], "is not an option"),
        (&["--ping", "--suites"], "two commands"),
        (&["--ping=1"], "takes no value"),
        (&["--ping", "--port"], "--port: needs a value"),
        (&["--ping", "--port=99999"], "1 to 65535"),
        (&["--ping", "--host=a b"], "--host"),
        (&["--why"], "not offered"),
        (&["--delete", "yes"], "no path is given"),
        (&["--delete", "_all_"], "confirm it"),
        (&["--delete=/s", "yes"], "confirm it"),
        (&["--group=event e"], "send it alone"),
        (&["--group=sync_full 7"], "send it alone"),
        (&["--group=query state /s; file /s/t"], "answered alike"),
        (&["--group=group=ping"], "cannot hold a group"),
        (&["--group=--ping --port 1"], "cannot stand in a group"),
        (&["--group=;;"], "no command is given"),
        (&["--ssl", "--http", "--ping"], "exclude each other"),
        (&["--halt"], "--halt=yes"),
        (&["--init"], "needs a value"),
        (&["--begin="], "--begin: needs a value"),
        (&["--get", ""], "--get: needs a value"),
        (&["--init=1", "--remove", "A"], "--complete only"),
        (&["--complete", "--add", "A=1"], "--init only"),
        (&["--meter=m", "abc"], "\"abc\" is not a whole number"),
        (&["--load=/no/such.def"], "/no/such.def"),
        (&["--load", "suite s\n extern /x\n"], "line 2 is an extern"),
        (
            &["--load", "suite s; endsuite; extern /x\n"],
            "line 1 is an extern",
        ),
        (&["--load", ";extern /x\nsuite s\n"], "line 1 is an extern"),
        (&["--label=l", "--host", "x"], "a name and a text"),
    ] {
        let told = told(argv);
        assert!(told.contains(wanted), "{argv:?}: {told}");
    }
}

#[test]
fn a_text_that_begins_with_dashes_is_a_text_unless_it_is_an_option() {
    for (argv, text) in [
        (&["--label=l", "--hello", "world"][..], "--hello world"),
        (&["--label=l", "-j64"], "-j64"),
        (&["--abort", "--trap 15--"], "--trap 15--"),
        (&["--abort="], ""),
        (&["--abort=--x"], "--x"),
    ] {
        let fields = parsed(argv).map(|i| i.request.fields).unwrap_or_default();
        let last = fields.last().map(|(_, value)| value.clone());
        assert_eq!(last, Some(Value::Text(text.into())), "{argv:?}");
    }
}

#[test]
fn a_task_command_needs_the_tasks_identity_and_says_which_variable_is_missing() {
    for (path, password, wanted) in [
        ("", "pw", "ECF_NAME: not set"),
        ("/s/t", "", "ECF_PASS: not set"),
        ("s/t", "pw", "ECF_NAME: not a task's path"),
    ] {
        let task = TaskIdentity {
            path: path.into(),
            password: Secret::from(password.as_bytes()),
            ..task()
        };
        let told = parsed_for(&task, &["--complete"]).map_err(|why| why.to_string());
        assert!(told.is_err_and(|told| told.starts_with(wanted)), "{wanted}");
        assert!(parsed_for(&task, &["--ping"]).is_ok());
    }
}

#[test]
fn what_a_second_copy_would_do_is_known_of_each_command() {
    for (argv, repeat) in [
        (&["--init=1"][..], Repeat::Yes),
        (&["--complete"], Repeat::Yes),
        (&["--abort"], Repeat::Yes),
        (&["--wait=1 == 1"], Repeat::Yes),
        (&["--event=e"], Repeat::Ordered),
        (&["--meter=m", "1"], Repeat::Ordered),
        (&["--label=l", "x"], Repeat::Ordered),
        (&["--queue=q", "active"], Repeat::No),
        (&["--queue=q", "complete", "1"], Repeat::Ordered),
        (&["--queue=q", "no_of_aborted"], Repeat::Yes),
        (&["--ping"], Repeat::Yes),
        (&["--query", "state", "/s"], Repeat::Yes),
        (&["--alter", "add", "variable", "A", "1", "/s"], Repeat::No),
        (
            &["--alter", "change", "label", "l", "1", "/s"],
            Repeat::Ordered,
        ),
        (&["--load=x.def"], Repeat::No),
        (&["--group=ping; suspend /s"], Repeat::Yes),
        (&["--group=ping; msg x"], Repeat::Ordered),
        (&["--group=run /s; ping"], Repeat::No),
        (&["--order=/s", "top"], Repeat::Ordered),
        (&["--order=/s", "up"], Repeat::No),
        (&["--terminate=yes"], Repeat::No),
        (&["--begin=s"], Repeat::Yes),
        (&["--begin=s --force"], Repeat::No),
    ] {
        let found = parsed(argv).map(|i| i.repeat);
        assert_eq!(found.ok(), Some(repeat), "{argv:?}");
    }
}

#[test]
fn every_option_of_ecflow_client_is_in_one_list_and_in_one_only() {
    let mut names: Vec<_> = COMMANDS.iter().map(|row| row.name).collect();
    names.extend(NOT_OFFERED.iter().map(|(name, _)| *name));
    names.extend(beside::BESIDE.iter().map(|row| row.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

proptest::proptest! {
    #[test]
    fn no_words_make_the_parser_fail(mut argv: Vec<Vec<u8>>, row in 0..COMMANDS.len()) {
        let name = format!("--{}", COMMANDS[row].name);
        argv.insert(0, name.into_bytes());
        let read_file = |_: &Path| Ok(Vec::new());
        let around = Surroundings { task: &task(), read_file: &read_file };
        if let Ok(Understood::Send(command)) = parse(&argv, &around) {
            proptest::prop_assert_eq!(command.name, COMMANDS[row].name);
        }
    }
}

#[test]
fn what_could_harm_a_server_is_asked_for_first() {
    let queries = |argv: &[&str]| parsed(argv).map(|i| i.queries).unwrap_or_default();
    assert_eq!(queries(&["--sync_full=7"]), [ServerQuery::Handle(7)]);
    assert_eq!(queries(&["--sync_full=0"]), []);
    for argv in [
        &["--alter", "add", "event", "e", "/s"][..],
        &["--alter", "add", "meter", "m", "0,10,5", "/s"],
        &["--alter", "set_flag", "remote_error", "/s"],
        &["--group=ping; alter delete aviso a /s"],
    ] {
        let asked = queries(argv);
        assert!(
            matches!(asked[..], [ServerQuery::Version { .. }]),
            "{argv:?}"
        );
        let check = |text: &str| asked[0].check(&Answer::Text(text.into()));
        assert_eq!(check("5.17.0\n"), Ok(()));
        assert_eq!(check("6.0.1"), Ok(()));
        match check("5.9.2") {
            Err(QueryFailure::Refused(why)) => {
                assert!(why.contains("needs ecFlow 5.17.0"), "{why}")
            }
            other => assert_eq!(other, Ok(())),
        }
        assert!(matches!(check("new"), Err(QueryFailure::Refused(_))));
        assert!(matches!(
            asked[0].check(&Answer::Ok),
            Err(QueryFailure::Strange(_))
        ));
    }
    let known = crate::wire::Handles {
        users: vec![],
        suites: vec![(7, vec![])],
    };
    assert_eq!(
        ServerQuery::Handle(7).check(&Answer::Handles(known.clone())),
        Ok(())
    );
    assert!(
        ServerQuery::Handle(8)
            .check(&Answer::Handles(known))
            .is_err()
    );
}

#[test]
fn help_and_version_are_answered_here() {
    let around = Surroundings {
        task: &TaskIdentity::default(),
        read_file: &|_| Ok(Vec::new()),
    };
    let answer = |argv: &[&str]| {
        let argv: Vec<_> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        match parse(&argv, &around) {
            Ok(Understood::Answer(text)) => String::from_utf8_lossy(&text).into_owned(),
            other => format!("{other:?}"),
        }
    };
    let all = answer(&["--help"]);
    for row in COMMANDS {
        assert!(all.contains(&format!("--{}", row.name)), "{}", row.name);
        assert!(!row.meaning.is_empty(), "{}", row.name);
    }
    assert!(all.contains("--why") && all.contains("--ssl"));
    assert!(answer(&["--help=meter"]).starts_with("--meter NAME NUMBER\n"));
    assert!(!answer(&["--help", "child"]).contains("--ping"));
    assert!(answer(&["--version"]).contains("5.17.0"));
    assert_eq!(answer(&["-v"]), answer(&["--version"]));
}

#[test]
fn the_words_of_a_password_are_found_wherever_they_stand() {
    let found = |argv: &[&str]| {
        let argv: Vec<_> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        let words: Vec<_> = argv::passwords_in(&argv).map(<[u8]>::to_vec).collect();
        String::from_utf8_lossy(&words.join(&b'|')).into_owned()
    };
    assert_eq!(found(&["--ping", "--password=a b", "--user", "x"]), "a b");
    assert_eq!(found(&["--pass", "a", "b", "--user", "x"]), "a|b");
    assert_eq!(found(&["--port", "1", "--path=x", "--p=y"]), "");
}

#[test]
fn a_group_is_answered_only_by_what_its_commands_ask_for() {
    let strange = |group: &str, reply: Answer| {
        let command = parsed(&[&format!("--group={group}")]);
        command.map_or(Some(AnswerClass::Error), |command| {
            command.strange_class(&reply)
        })
    };
    let text = || Answer::Text(b"queued".to_vec());
    let suites = || Answer::Suites(Vec::new());
    let asks = "query state /s; suites";
    assert_eq!(strange(asks, Answer::Group(vec![text(), suites()])), None);
    assert_eq!(
        strange(asks, Answer::Group(vec![text(), Answer::Error(vec![])])),
        None
    );
    assert_eq!(strange(asks, Answer::Ok), Some(AnswerClass::Ok));
    assert_eq!(
        strange(asks, Answer::Group(vec![])),
        Some(AnswerClass::Group)
    );
    assert_eq!(
        strange(asks, Answer::Group(vec![text()])),
        Some(AnswerClass::Group)
    );
    let other = Answer::Group(vec![text(), suites(), Answer::News(0)]);
    assert_eq!(strange(asks, other), Some(AnswerClass::News));
    assert_eq!(strange("suspend /s; msg x", Answer::Ok), None);
    assert_eq!(strange("suspend /s", Answer::Wait), Some(AnswerClass::Wait));
    let get = |argv: &[&str]| parsed(argv).map(|i| i.legal).unwrap_or_default();
    assert_eq!(get(&["--get"]), [AnswerClass::Definition]);
    assert_eq!(get(&["--get=/s"]), [AnswerClass::Node]);
}
