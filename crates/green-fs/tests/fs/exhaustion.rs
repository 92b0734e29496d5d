//! What happens when something has run out.

use std::fs::File as StdFile;

use green_thread as thread;

use crate::support::{alone, folder};

#[test]
fn with_one_descriptor_left_a_file_can_be_read_and_with_none_it_cannot() {
    alone("exhaustion::with_one_descriptor_left_a_file_can_be_read_and_with_none_it_cannot", 64, || {
        let folder = folder();
        let path = folder.path().join("file");
        green_fs::write(&path, "text").unwrap();
        let read = || {
            let path = path.clone();
            thread::spawn(move || {
                let all = green_fs::read(&path)?;
                let length = green_fs::metadata(&path)?.len();
                assert_eq!(all.len() as u64, length);
                std::io::Result::Ok(all)
            })
        };
        // The hubs and the pool get what they need first.
        assert_eq!(read().join().unwrap().unwrap(), b"text");
        let mut all = Vec::new();
        while let Ok(file) = StdFile::open("/dev/null") {
            all.push(file);
        }
        let error = read().join().unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        all.pop();
        assert_eq!(read().join().unwrap().unwrap(), b"text");
    });
}
