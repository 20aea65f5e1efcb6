"""The machine's own trouble, in words: a full disk, a folder without rights, a damaged file."""

import errno
import sqlite3

from hansa.kernel.refusal import Refusal, shown


class DiskFull(Refusal, code="disk.full", field="path"):
    zh = "磁盘已满，未能写完{path}。请腾出空间或换一个磁盘，再运行一次。"
    en = "The disk is full; not all was written{path}. Make room or take another disk, then run it again."


class DiskDenied(Refusal, code="disk.denied", field="path"):
    zh = "没有权限，或磁盘只读{path}。请检查文件与文件夹的权限和运行命令的用户。"
    en = (
        "This user may not do that there, or the disk is read-only{path}. Check the rights of file and "
        "folder, and who runs the command."
    )


class PathWrong(Refusal, code="disk.path_wrong", field="path"):
    zh = "路径不存在，或无法在那里建立文件{path}。请检查路径。"
    en = "The path is not there, or nothing can be made in it{path}. Check the path."


class FileHeld(Refusal, code="disk.file_held", field="path"):
    zh = "文件正被另一进程占用{path}。请停止该进程，或稍后再试。"
    en = "Another process holds the file{path}. End it, or try again later."


class FileDamaged(Refusal, code="disk.file_damaged", field="path"):
    zh = "数据库文件已损坏或不是汉萨的文件{path}。请运行 hansa doctor，必要时从备份恢复。"
    en = (
        "A database file is damaged, or none of Hansa's{path}. Run hansa doctor; restore a backup if need be."
    )


class DiskFault(Refusal, code="disk.fault", field="path"):
    zh = "读写失败{path}。请检查磁盘与路径，再运行一次。"
    en = "Reading or writing failed{path}. Check disk and path, then run it again."


BY_NUMBER: dict[int, type[Refusal]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), DiskFull),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), DiskDenied),
    **dict.fromkeys(
        (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP), PathWrong
    ),
    **dict.fromkeys((errno.EBUSY, errno.EAGAIN, errno.ETXTBSY), FileHeld),
}
BY_SQLITE: dict[int, type[Refusal]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_READONLY: DiskDenied,
    sqlite3.SQLITE_PERM: DiskDenied,
    sqlite3.SQLITE_CANTOPEN: PathWrong,
    sqlite3.SQLITE_BUSY: FileHeld,
    sqlite3.SQLITE_LOCKED: FileHeld,
    sqlite3.SQLITE_CORRUPT: FileDamaged,
    sqlite3.SQLITE_NOTADB: FileDamaged,
}


def trouble_of(error: BaseException) -> Refusal | None:
    """The refusal for an error of the disk or of a database file; None for any other error.

    It names the file where the system does, and adds the system's own words.
    """
    if not isinstance(error, OSError | sqlite3.Error):
        return None
    kind = _kind(error)
    if kind is DiskFault and isinstance(error.__cause__, OSError | sqlite3.Error):
        kind = _kind(error.__cause__)
    named = getattr(error, "filename", None)
    told = f"{named}: {error.strerror}" if named and isinstance(error, OSError) else str(error)
    return kind(path=f" ({shown(told)})" if told else "")


def _kind(error: OSError | sqlite3.Error) -> type[Refusal]:
    if isinstance(error, OSError):
        return BY_NUMBER.get(error.errno or 0, DiskFault)
    return BY_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, DiskFault)
