//! Apache Cassandra's own jars, from Maven Central, once.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Folder, Trouble};

/// Raise it together with docs/cluster.md, which says what is tried.
pub(super) const CASSANDRA_VERSION: &str = "5.0.6";

const CACHE: &str = "PLAYHEAD_SERVICES_CACHE";

/// The folder of the jars; they are fetched when it is not there.
pub(super) fn cassandra(folder: &Folder) -> Result<PathBuf, Trouble> {
    let cache = env::var_os(CACHE).map_or_else(|| folder.0.join("cache"), PathBuf::from);
    let jars = cache.join(format!("cassandra-{CASSANDRA_VERSION}"));
    let whole = jars.join("complete");
    needs("java", "default-jre-headless")?;
    if whole.exists() {
        return Ok(jars);
    }
    needs("mvn", "maven")?;
    let failed = |error| Trouble::Failed(format!("{}: {error}", jars.display()));
    fs::create_dir_all(&jars).map_err(failed)?;
    fetch(&jars)?;
    fs::write(whole, "").map_err(failed)?;
    Ok(jars)
}

fn fetch(jars: &Path) -> Result<(), Trouble> {
    println!("fetching Apache Cassandra {CASSANDRA_VERSION} from Maven Central into {}", jars.display());
    let pom = jars.join("pom.xml");
    let text = POM.replace("VERSION", CASSANDRA_VERSION);
    fs::write(&pom, text).map_err(|error| Trouble::Failed(format!("{}: {error}", pom.display())))?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--file"]).arg(&pom).arg(COPY);
    // Stdout is for the exports alone.
    maven.arg("-Dstyle.color=never").stdout(io::stderr());
    maven.arg(format!("-DoutputDirectory={}", jars.display())).arg("-DincludeScope=runtime");
    match maven.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Trouble::Missing("Maven Central does not give the CQL server's jars".into())),
        Err(error) => Err(Trouble::Missing(format!("mvn does not run: {error}"))),
    }
}

fn needs(program: &str, package: &str) -> Result<(), Trouble> {
    match answers(program) {
        true => Ok(()),
        false => Err(Trouble::Missing(format!(
            "the CQL server needs {program}, which is not installed (apt-get install {package})"
        ))),
    }
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    let quiet = command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

const POM: &str = "\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>playhead</groupId>
  <artifactId>services</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>VERSION</version>
    </dependency>
  </dependencies>
</project>
";
