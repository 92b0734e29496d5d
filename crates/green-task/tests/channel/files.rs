//! Files by path and by descriptor.

use std::io::{self, ErrorKind, SeekFrom, Write};

use green_task::channel::{Channel, File};

#[test]
fn a_file_is_made_by_path_and_read_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert_eq!(File::open(&path).unwrap_err().kind(), ErrorKind::NotFound);
    let mut file = File::create(&path).unwrap();
    file.write_all(b"text").unwrap();
    file.seek(SeekFrom::Current(-1)).unwrap();
    file.write_all(b"st").unwrap();
    Box::new(file).close().unwrap();
    assert_eq!(io::read_to_string(File::open(&path).unwrap()).unwrap(), "texst");
}

#[test]
fn a_device_has_no_end() {
    let mut zeroes = [1; 9];
    let zero = File::open("/dev/zero").unwrap();
    assert!(zero.readv_all_eof(&mut [io::IoSliceMut::new(&mut zeroes)]).unwrap());
    assert_eq!(zeroes, [0; 9]);
}
