"""What finding, checking and installing the consensus engine may refuse. Texts say how to get it."""

from hansa.kernel.refusal import Refusal


class EngineMissing(Refusal, code="engine.missing", field="engine"):
    zh = (
        "本机没有共识引擎（CometBFT {version}），{looked} 与 PATH 中均未找到。请运行 hansa engine install；"
        "没有互联网的机器请用 hansa engine install --from 文件；已有的程序可用环境变量 HANSA_ENGINE 指明。"
    )
    en = (
        "This machine has no consensus engine (CometBFT {version}): neither {looked} nor the PATH has it. "
        "Run `hansa engine install`, on a machine without internet `hansa engine install --from FILE`, or "
        "name a program that is there by the environment's HANSA_ENGINE."
    )


class EngineNamedMissing(Refusal, code="engine.named_missing", field="HANSA_ENGINE"):
    zh = (
        "环境变量 HANSA_ENGINE 指向 {path}，那里没有可执行的文件。请改正路径，或去掉该变量后运行 hansa "
        "engine install。"
    )
    en = (
        "HANSA_ENGINE of the environment names {path}, where no program lies. Correct the path, or take "
        "the variable away and run `hansa engine install`."
    )


class EngineVersion(Refusal, code="engine.version", field="engine"):
    zh = (
        "{path} 是版本 {found}，本版汉萨只用 CometBFT {version}：版本不同的节点会算出不同的结果。请运行 "
        "hansa engine install。"
    )
    en = (
        "{path} is version {found}; this release of Hansa runs CometBFT {version} and no other, since "
        "nodes of other versions may compute other results. Run `hansa engine install`."
    )


class EngineBroken(Refusal, code="engine.broken", field="engine"):
    zh = (
        "{path} 无法运行：{cause}。它可能是给别的系统或处理器用的，或没有传完整。请运行 hansa engine "
        "install。"
    )
    en = (
        "{path} does not run: {cause}. It may be made for another system or processor, or be cut short. "
        "Run `hansa engine install`."
    )


class EngineChanged(Refusal, code="engine.changed", field="engine"):
    zh = (
        "{path} 与安装时记下的 SHA-256 不同（现为 {found}…，当时为 {recorded}…）：文件已损坏或被换过。请查"
        "明是谁换的，再运行 hansa engine install --again。"
    )
    en = (
        "{path} is not the file whose SHA-256 was noted at install (now {found}…, then {recorded}…): it is "
        "damaged, or somebody exchanged it. Find out who, then run `hansa engine install --again`."
    )
