//! Answers that were not asked for.

use super::*;

#[test]
fn a_part_that_nobody_asked_for_is_the_mirrors_fault_and_the_next_is_tried() {
    let range = |reply: Reply, range: &str| reply.header("Content-Range", range);
    let part = range(Reply::new("206 Partial Content", &tgz()[..10]), "bytes 0-9/10");
    let none = range(Reply::new("416 Range Not Satisfiable", ""), "bytes */0");
    for (wrong, status) in [(part, "206"), (none, "416")] {
        let wrong = TestServer::start(move |_| wrong.clone());
        let right = TestServer::start(|request| Reply::ranged(request, &tgz(), ""));
        let dir = tempfile::tempdir().unwrap();
        let error = run(set(vec![archive_mirror(&wrong)]), &dir).unwrap_err().to_string();
        assert!(error.contains(&format!("the server returned {status}")), "{error}");
        run(set(vec![archive_mirror(&wrong), archive_mirror(&right)]), &dir).unwrap();
        assert_complete(&dir);
    }
}
