# Chef's own code, asked by chef.test.ts: a question a line, JSON; an answer a line. Values travel as texts of JSON, which
# Chef's own parser reads and its own encoder writes.
require "json"
require "tempfile"
require "chef/config"
require "chef/encrypted_data_bag_item"
require "chef/encrypted_data_bag_item/check_encrypted"
include Chef::EncryptedDataBagItem::CheckEncrypted

def answer(question)
  item = FFI_Yajl::Parser.parse(question["json"]) if question["json"]
  secret = question["secret"]&.unpack1("m")&.force_encoding("UTF-8")
  case question["ask"]
  when "decrypt" then { "json" => FFI_Yajl::Encoder.encode("v" => Chef::EncryptedDataBagItem::Decryptor.for(item["v"], secret).for_decrypted_item) }
  when "encrypt"
    Chef::Config[:data_bag_encrypt_version] = question["version"]
    { "json" => FFI_Yajl::Encoder.encode("v" => Chef::EncryptedDataBagItem::Encryptor.new(item["v"], secret).for_encrypted_item) }
  when "encrypted?" then { "yes" => encrypted?(item) }
  when "secret"
    Tempfile.create do |file|
      file.binmode.write(question["file"].unpack1("m"))
      file.close
      { "secret" => [Chef::EncryptedDataBagItem.load_secret(file.path)].pack("m0") }
    end
  end
rescue StandardError => e
  { "error" => e.class.name }
end

$stdin.each_line { |line| puts JSON.generate(answer(JSON.parse(line))) }
