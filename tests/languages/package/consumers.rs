//! Programs of other projects: by find_package, add_subdirectory, pkg-config and ecbuild.

use std::fs;
use std::path::Path;

use super::installed::*;
use testkit::source_root;

/// The shared libraries that a program or a library asks for.
fn needed(program: &Path) -> String {
    let dynamic = succeed("readelf", &[], &["-d", text(program)]);
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    needed.collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_find_the_package_wherever_it_was_moved() {
    testkit::needs!(EcflowServer, Gxx, Cmake, Binutils);
    let mut server = Deliveries::new();
    for (what, libraries) in [
        (Built::Plain, None),
        (Built::OddLibraryDirectory, Some("lib/odd")),
    ] {
        let package = Package::installed("find-package", what);
        if let Some(libraries) = libraries {
            let expected = package.prefix.join(libraries);
            assert_eq!(package.directory_of("libecf_failover.so.0"), expected);
        }
        for file in package.files() {
            if matches!(file.extension(), Some(end) if end == "cmake" || end == "pc") {
                let content = fs::read_to_string(&file).unwrap();
                for path in [&package.old_prefix, &package.build, source_root()] {
                    assert!(
                        !content.contains(text(path)),
                        "{}: {content}",
                        file.display()
                    );
                }
            }
        }
        // Where CMake does not look by itself, it must be told.
        let config = package.directory_of("ecf_failover-config.cmake");
        let config = format!("-Decf_failover_DIR={}", config.display());
        let options = libraries.map(|_| config.as_str());
        let build = package.consumer("consumer", options.as_slice());
        let include = package.prefix.join("include");
        assert_eq!(
            fs::read_to_string(build.join("variables")).unwrap(),
            format!(
                "found 1\nversion {}\nfeatures TLS\nlibraries ecf_failover::ecf_failover\ninclude {}\n",
                env!("CARGO_PKG_VERSION"),
                include.display()
            )
        );
        for (program, shared) in [
            ("c99", true),
            ("cxx11", true),
            ("cxx17", true),
            ("c99_static", false),
            ("cxx17_static", false),
        ] {
            let program = build.join(program);
            let library = needed(&program).contains("[libecf_failover.so.0]");
            assert_eq!(library, shared, "{}", program.display());
            server.delivers(&program, &[]);
        }
        // A library without the functions that a program needs would be refused by the loader.
        let symbols = succeed("nm", &[], &["-D", text(&build.join("c99"))]);
        let version = "ecf_send_task_cmd@ECF_FAILOVER_0.1";
        assert!(symbols.contains(version), "{symbols}");
    }
}

#[test]
fn versions_and_components_are_refused_in_words() {
    testkit::needs!(Cmake);
    let package = Package::installed("requests", Built::Plain);
    for (request, expected) in [
        ("0.1", Ok("found 1\nTLS \nfeatures TLS\n")),
        ("0.1.0;EXACT;REQUIRED", Ok("found 1\nTLS \nfeatures TLS\n")),
        (
            "0.1;REQUIRED;COMPONENTS;TLS",
            Ok("found 1\nTLS TRUE\nfeatures TLS\n"),
        ),
        (
            "OPTIONAL_COMPONENTS;NoSuch",
            Ok("found 1\nTLS \nfeatures TLS\n"),
        ),
        ("99", Ok("found 0\nTLS \nfeatures \n")),
        ("COMPONENTS;NoSuch", Ok("found 0\nTLS \nfeatures TLS\n")),
        ("0.2;REQUIRED", Err("version: 0.1.0")),
        ("99;REQUIRED", Err("version: 0.1.0")),
        (
            "REQUIRED;COMPONENTS;TLS;NoSuch",
            Err("ecf_failover was built without NoSuch; it has: TLS"),
        ),
    ] {
        let request_option = format!("-DREQUEST={request}");
        let (build, output) = package.configure("consumer-requests", &[&request_option]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors = errors.split_whitespace().collect::<Vec<_>>().join(" ");
        match expected {
            Ok(variables) => {
                assert!(output.status.success(), "{request}: {errors}");
                let told = fs::read_to_string(build.join("variables")).unwrap();
                assert_eq!(told, variables, "{request}");
            }
            Err(words) => {
                assert!(!output.status.success(), "{request}");
                assert!(errors.contains(words), "{request}: {errors}");
            }
        }
    }
}

#[test]
fn a_project_builds_it_as_a_part_of_itself() {
    testkit::needs!(EcflowServer, Gxx, Cmake, Ninja);
    let directory = Directory::new("subdirectory");
    let build = directory.join("a build with blanks");
    let options = [
        format!("-DECF_FAILOVER_SOURCE={}", source_root().display()),
        format!("-DECF_FAILOVER_CARGO_DIR={}", cargo_directory().display()),
    ];
    {
        let _lock = locked();
        cmake(&[
            "-G",
            "Ninja",
            "-S",
            text(&directory.join("consumer-subdirectory")),
            "-B",
            text(&build),
            "-DCMAKE_BUILD_TYPE=Debug",
            "-DECF_FAILOVER_OFFLINE=ON",
            &options[0],
            &options[1],
        ]);
        cmake(&["--build", text(&build)]);
    }
    let mut server = Deliveries::new();
    for program in ["cxx11", "cxx17", "cxx17_static"] {
        server.delivers(&build.join(program), &[]);
    }
}

#[test]
fn programs_find_it_by_pkg_config() {
    testkit::needs!(EcflowServer, Gxx, Cmake, PkgConfig, Binutils);
    let mut server = Deliveries::new();
    for what in [Built::Plain, Built::OddLibraryDirectory] {
        let package = Package::installed("pkg-config", what);
        let (path, libraries) = (
            package.directory_of("ecf_failover.pc"),
            package.directory_of("libecf_failover.so.0"),
        );
        let environment = [("PKG_CONFIG_PATH", text(&path))];
        let version = ["--modversion", "ecf_failover"];
        let version = succeed("pkg-config", &environment, &version);
        assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
        let build = package.directory.join("consumer-pkgconfig");
        succeed("make", &environment, &["-C", text(&build)]);
        let found = [("LD_LIBRARY_PATH", text(&libraries))];
        for program in ["c99", "cxx11", "cxx17"] {
            let program = build.join(program);
            assert!(needed(&program).contains("[libecf_failover.so.0]"));
            server.delivers(&program, &found);
        }
        for program in ["archive", "static"] {
            let program = build.join(program);
            assert!(!needed(&program).contains("libecf_failover"));
            server.delivers(&program, &[]);
        }
        assert_eq!(needed(&build.join("static")), "");
    }
}

#[test]
fn a_project_of_ecbuild_finds_it() {
    testkit::needs!(EcflowServer, Gxx, Cmake, Ecbuild);
    let package = Package::installed("ecbuild", Built::Plain);
    let build = package.consumer("consumer-ecbuild", &[]);
    let mut server = Deliveries::new();
    for program in ["c99", "cxx17"] {
        server.delivers(&build.join("bin").join(program), &[]);
    }
}

#[test]
fn a_package_without_tls_says_so_and_sends_nothing_in_the_clear_instead() {
    testkit::needs!(EcflowServer, Gxx, Cmake);
    let package = Package::installed("without-tls", Built::WithoutTls);
    let request = "-DREQUEST=REQUIRED;COMPONENTS;TLS";
    let (_, output) = package.configure("consumer-requests", &[request]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("ecf_failover was built without TLS"),
        "{errors}"
    );
    let build = package.consumer("consumer", &[]);
    let variables = fs::read_to_string(build.join("variables")).unwrap();
    assert!(variables.contains("features \n"), "{variables}");
    let mut server = Deliveries::new();
    for program in ["c99", "c99_static"] {
        let program = build.join(program);
        server.delivers(&program, &[]);
        let (status, told) = server.run(&program, &[("ECF_SSL", "1")]);
        assert_eq!(status, 2, "{told}");
        let expected =
            "ECF_ERR_CONFIG ECF_SSL: TLS is asked for, and this ecf_failover was built without it";
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn a_project_in_fortran_builds_the_module_with_its_own_compiler() {
    testkit::needs!(EcflowServer, Gfortran, Cmake);
    let package = Package::installed("fortran", Built::Plain);
    let build = package.consumer("consumer-fortran", &[]);
    assert!(build.join("module/ecf_failover/ecf_failover.mod").exists());
    Deliveries::new().delivers(&build.join("model"), &[]);
    let request = "-DREQUEST=REQUIRED;COMPONENTS;Fortran";
    let (_, output) = package.configure("consumer-requests", &[request]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("needs a compiler: add Fortran"), "{errors}");
}

/// Programs that were written for ecflow_light are built and run as they are: by its header and by
/// its module. The last value is there though neither waits for anything.
#[test]
fn models_that_call_ecflow_light_are_served() {
    testkit::needs!(EcflowServer, Gfortran, Cmake);
    let package = Package::installed("light", Built::Light);
    let build = package.consumer("consumer-light", &[]);
    let mut deliveries = Deliveries::new();
    for (program, meter, label, event) in [
        ("model_c", "40", "by C", "clear"),
        ("model_f", "80", "by Fortran", "set"),
    ] {
        let (status, told) = deliveries.run(&build.join(program), &[]);
        assert_eq!((status, told.trim_end()), (0, "0"), "{program}");
        assert_eq!(deliveries.server.query("meter", "m"), meter);
        assert_eq!(deliveries.server.query("label", "l"), label);
        assert_eq!(deliveries.server.query("event", "e"), event);
    }
    let model = build.join("model_f");
    let (_, told) = deliveries.run(&model, &[("ECF_NAME", "")]);
    assert_ne!(told.trim_end(), "0", "a job without a name");
    let (_, told) = deliveries.run(&model, &[("NO_ECF", "1"), ("ECF_NAME", "")]);
    assert_eq!(told.trim_end(), "0");
    assert_eq!(deliveries.server.query("meter", "m"), "80");
}

/// A library that needs this one is installed and exported like any other, whichever way its
/// project has come by it; and programs find it.
#[test]
fn libraries_that_need_it_can_be_exported() {
    testkit::needs!(EcflowServer, Gfortran, Cmake);
    let package = Package::installed("exporter", Built::Plain);
    let mut server = Deliveries::new();
    let cargo = format!("-DECF_FAILOVER_CARGO_DIR={}", cargo_directory().display());
    let source = format!("-DECF_FAILOVER_SOURCE={}", source_root().display());
    let as_a_part = [
        source.as_str(),
        cargo.as_str(),
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DECF_FAILOVER_OFFLINE=ON",
    ];
    for (name, options) in [("found", &[][..]), ("as-a-part", &as_a_part)] {
        let prefix = package.directory.join(name);
        {
            let _lock = locked();
            let build = package.consumer("exporter", options);
            cmake(&["--install", text(&build), "--prefix", text(&prefix)]);
            fs::remove_dir_all(&build).unwrap();
        }
        let prefixes = match options {
            [] => format!("{};{}", prefix.display(), package.prefix.display()),
            _ => prefix.display().to_string(),
        };
        let prefixes = format!("-DCMAKE_PREFIX_PATH={prefixes}");
        let build = package.consumer("exported", &[&prefixes]);
        for program in ["fortran_archive", "fortran_public", "c_static", "c_shared"] {
            server.delivers(&build.join(program), &[]);
        }
        fs::remove_dir_all(&build).unwrap();
    }
}
